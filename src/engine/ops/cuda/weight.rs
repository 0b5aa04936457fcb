//! Weight matrices on the GPU and the products with them.

use ashlar_cuda::skinny::{self, Epilogue};
use ashlar_cuda::{Buffer, Matmul, Scales, rows};

use super::super::linear::{Format, Stored, to_f32};
use super::super::{Activation, Result, RmsNorm, Tensor, bail};
use super::{Cuda, DType, bf16_bytes};

/// A matrix `[rows, cols]`: bf16, or FP8 (e4m3) with an f32 scale for each row.
pub struct Weight {
    values: Buffer,
    scales: Option<Buffer>,
    n_in: usize,
}

impl Weight {
    pub fn n_bytes(&self) -> usize {
        self.values.len() + self.scales.as_ref().map_or(0, Buffer::len)
    }

    /// The address of bf16 values.
    pub fn bf16(&self) -> Result<u64> {
        match self.scales {
            None => Ok(self.values.ptr()),
            Some(_) => bail!("expected a bf16 matrix"),
        }
    }
}

/// Inputs of a product: bf16, or FP8 with a scale for each row.
struct Input {
    values: u64,
    scales: Option<u64>,
    rows: usize,
    _owners: [Option<ashlar_cuda::Slice>; 2],
}

impl Cuda {
    /// The parts below each other, as bf16.
    pub fn weight(&self, parts: &[Stored<'_>], cols: usize) -> Result<Weight> {
        let n_rows: usize = parts.iter().map(|part| part.rows).sum();
        let values = Buffer::new(&self.0.device, n_rows * cols * DType::Bf16.size())?;
        let mut at = values.ptr();
        for part in parts {
            match part.format {
                Format::Bf16 => self.0.device.upload(at, &part.bytes)?,
                _ => self.0.device.upload(at, &bf16_bytes(&to_f32(part, cols)?))?,
            }
            at += (part.rows * cols * DType::Bf16.size()) as u64;
        }
        self.0.device.synchronize()?;
        Ok(Weight { values, scales: None, n_in: cols })
    }

    /// As [`weight`](Self::weight), in FP8 if the model is run so.
    pub fn linear_weight(&self, parts: &[Stored<'_>], cols: usize) -> Result<Weight> {
        let weight = self.weight(parts, cols)?;
        if !self.0.fp8 || !cols.is_multiple_of(16) {
            return Ok(weight);
        }
        let n_rows = weight.values.len() / (cols * DType::Bf16.size());
        let values = Buffer::new(&self.0.device, n_rows * cols)?;
        let scales = Buffer::new(&self.0.device, n_rows * size_of::<f32>())?;
        rows::quantize_fp8(&self.0.device, values.ptr(), scales.ptr(), weight.values.ptr(), n_rows, cols)?;
        self.0.device.synchronize()?;
        Ok(Weight { values, scales: Some(scales), n_in: cols })
    }

    fn skinny(&self, weight: &Weight, x: u64, n_rows: usize, n_out: usize, y: u64) -> skinny::Skinny {
        skinny::Skinny {
            weight: weight.values.ptr(),
            scales: weight.scales.as_ref().map_or(0, Buffer::ptr),
            x,
            y,
            rows: n_rows,
            n_out,
            n_in: weight.n_in,
            bias: 0,
            norm: None,
            epilogue: Epilogue::Store,
        }
    }

    fn matmul(&self, weight: &Weight, x: &Input, n_out: usize, y: u64) -> Matmul {
        let scales = weight.scales.as_ref().zip(x.scales).map(|(weight, x)| Scales { weight: weight.ptr(), x });
        Matmul {
            rows: x.rows,
            n_out,
            n_in: weight.n_in,
            x: x.values,
            weight: weight.values.ptr(),
            y,
            scales,
            bias: 0,
            accumulate: false,
            f32_output: false,
            gelu: false,
        }
    }

    fn launch(&self, matmul: Matmul) -> Result<()> {
        // SAFETY: addresses come from tensors and weights of these shapes, which live until later launches at least.
        Ok(unsafe { matmul.launch(&self.0.device) }?)
    }

    /// Room for quantised rows and their scales.
    fn quantized(&self, n_rows: usize, width: usize) -> Result<Input> {
        let values = self.0.scratch.take(n_rows * width)?;
        let scales = self.0.scratch.take(n_rows * size_of::<f32>())?;
        Ok(Input { values: values.ptr(), scales: Some(scales.ptr()), rows: n_rows, _owners: [Some(values), Some(scales)] })
    }

    /// The rows as the weight wants them.
    fn input(&self, weight: &Weight, x: &Tensor) -> Result<Input> {
        if weight.scales.is_none() {
            return Ok(Input { values: x.bf16()?, scales: None, rows: x.rows, _owners: [None, None] });
        }
        let input = self.quantized(x.rows, x.width)?;
        rows::quantize_fp8(&self.0.device, input.values, input.scales.unwrap_or(0), x.bf16()?, x.rows, x.width)?;
        Ok(input)
    }

    pub fn linear(&self, weight: &Weight, bias: Option<&Tensor>, x: &Tensor, n_out: usize) -> Result<Tensor> {
        let out = self.scratch(x.rows, n_out)?;
        let bias = bias.map_or(Ok(0), Tensor::bf16)?;
        if skinny::fits(x.rows, weight.n_in) {
            skinny::Skinny { bias, ..self.skinny(weight, x.bf16()?, x.rows, n_out, out.bf16()?) }.launch(&self.0.device)?;
            return Ok(out);
        }
        let input = self.input(weight, x)?;
        self.launch(Matmul { bias, ..self.matmul(weight, &input, n_out, out.bf16()?) })?;
        Ok(out)
    }

    /// The norm of `x`, as the weight wants it.
    fn normed(&self, weight: &Weight, x: &Tensor, norm: &RmsNorm) -> Result<(Input, Option<Tensor>)> {
        if weight.scales.is_none() {
            let normed = self.rms_norm(x, &norm.weight, norm.eps)?;
            return Ok((self.input(weight, &normed)?, Some(normed)));
        }
        let input = self.quantized(x.rows, x.width)?;
        let (scales, norm_weight) = (input.scales.unwrap_or(0), norm.weight.bf16()?);
        rows::rms_norm_fp8(&self.0.device, input.values, scales, x.bf16()?, norm_weight, x.rows, x.width, norm.eps)?;
        Ok((input, None))
    }

    pub fn normed_linear(&self, weight: &Weight, bias: Option<&Tensor>, x: &Tensor, norm: &RmsNorm, n_out: usize) -> Result<Tensor> {
        let out = self.scratch(x.rows, n_out)?;
        let bias = bias.map_or(Ok(0), Tensor::bf16)?;
        if skinny::fits(x.rows, weight.n_in) {
            let norm = Some((norm.weight.bf16()?, norm.eps));
            skinny::Skinny { bias, norm, ..self.skinny(weight, x.bf16()?, x.rows, n_out, out.bf16()?) }.launch(&self.0.device)?;
            return Ok(out);
        }
        let (input, _owner) = self.normed(weight, x, norm)?;
        self.launch(Matmul { bias, ..self.matmul(weight, &input, n_out, out.bf16()?) })?;
        Ok(out)
    }

    pub fn gated_linear(&self, weight: &Weight, bias: Option<&Tensor>, x: &Tensor, norm: &RmsNorm, n_out: usize) -> Result<Tensor> {
        let width = n_out / 2;
        let out = self.scratch(x.rows, width)?;
        if bias.is_none() && skinny::fits(x.rows, weight.n_in) {
            let norm = Some((norm.weight.bf16()?, norm.eps));
            let skinny = self.skinny(weight, x.bf16()?, x.rows, n_out, out.bf16()?);
            skinny::Skinny { norm, epilogue: Epilogue::Gated, ..skinny }.launch(&self.0.device)?;
            return Ok(out);
        }
        let gate_up = self.normed_linear(weight, bias, x, norm, n_out)?;
        rows::silu_mul(&self.0.device, out.bf16()?, gate_up.bf16()?, x.rows, width)?;
        Ok(out)
    }

    pub fn add_linear(&self, weight: &Weight, bias: Option<&Tensor>, x: &Tensor, residual: &Tensor) -> Result<()> {
        let n_out = residual.width;
        let bias = bias.map_or(Ok(0), Tensor::bf16)?;
        if skinny::fits(x.rows, weight.n_in) {
            let skinny = self.skinny(weight, x.bf16()?, x.rows, n_out, residual.bf16()?);
            return Ok(skinny::Skinny { bias, epilogue: Epilogue::Add, ..skinny }.launch(&self.0.device)?);
        }
        let input = self.input(weight, x)?;
        self.launch(Matmul { bias, accumulate: true, ..self.matmul(weight, &input, n_out, residual.bf16()?) })
    }

    pub fn activated_linear(
        &self,
        weight: &Weight,
        bias: Option<&Tensor>,
        x: &Tensor,
        activation: Activation,
        n_out: usize,
    ) -> Result<Tensor> {
        if activation != Activation::GeluTanh || weight.scales.is_some() {
            let y = self.linear(weight, bias, x, n_out)?;
            self.activate(activation, &y)?;
            return Ok(y);
        }
        let out = self.scratch(x.rows, n_out)?;
        let input = self.input(weight, x)?;
        let bias = bias.map_or(Ok(0), Tensor::bf16)?;
        self.launch(Matmul { bias, gelu: true, ..self.matmul(weight, &input, n_out, out.bf16()?) })?;
        Ok(out)
    }

    /// In f32, in the place that is reserved for them.
    pub fn logits(&self, weight: &Weight, x: &Tensor, norm: &RmsNorm, n_out: usize) -> Result<Tensor> {
        let out = self.logits_tensor(x.rows, n_out)?;
        let y = out.ptr(DType::F32)?;
        if skinny::fits(x.rows, weight.n_in) {
            let norm = Some((norm.weight.bf16()?, norm.eps));
            let skinny = self.skinny(weight, x.bf16()?, x.rows, n_out, y);
            skinny::Skinny { norm, epilogue: Epilogue::StoreF32, ..skinny }.launch(&self.0.device)?;
            return Ok(out);
        }
        let (input, _owner) = self.normed(weight, x, norm)?;
        self.launch(Matmul { f32_output: true, ..self.matmul(weight, &input, n_out, y) })?;
        Ok(out)
    }
}
