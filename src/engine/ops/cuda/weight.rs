//! Weight matrices on the GPU and the products with them.

use ashlar_cuda::{Buffer, Epilogue, Matmul, Norm, Scales, Skinny, rows};

use super::super::{Activation, Format, Quantization, Result, RmsNorm, Stored, Tensor, bail, to_f32};
use super::{Cuda, DType, bf16_bytes};

/// Rows up to which the kernel for few rows is faster than cuBLAS.
const MAX_SKINNY_ROWS: usize = 8;

/// A matrix `[rows, cols]`: bf16, or FP8 (e4m3) with an f32 scale for each row.
pub struct Weight {
    values: Buffer,
    scales: Option<Buffer>,
    n_in: usize,
}

impl Weight {
    /// Rows of `n_in` bf16 values.
    pub fn of_bf16(values: Buffer, n_in: usize) -> Self {
        Self { values, scales: None, n_in }
    }

    pub fn is_fp8(&self) -> bool {
        self.scales.is_some()
    }

    /// The address of bf16 values.
    pub fn bf16(&self) -> Result<u64> {
        match self.scales {
            None => Ok(self.values.ptr()),
            Some(_) => bail!("expected a bf16 matrix"),
        }
    }
}

/// A matrix and its bias.
type Layer<'a> = (&'a Weight, Option<&'a Tensor>);

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
        if self.1 != Some(Quantization::Fp8) || !cols.is_multiple_of(16) {
            return Ok(weight);
        }
        let n_rows = weight.values.len() / (cols * DType::Bf16.size());
        let values = Buffer::new(&self.0.device, n_rows * cols)?;
        let scales = Buffer::new(&self.0.device, n_rows * size_of::<f32>())?;
        // SAFETY: the buffers have these shapes.
        unsafe { rows::quantize_fp8(&self.0.device, values.ptr(), scales.ptr(), weight.values.ptr(), n_rows, cols) }?;
        self.0.device.synchronize()?;
        Ok(Weight { values, scales: Some(scales), n_in: cols })
    }

    fn is_for_few(&self, skinny: &Skinny) -> bool {
        skinny.rows <= MAX_SKINNY_ROWS && skinny.is_possible(&self.0.device)
    }

    /// The product of few rows, if there is a kernel for them and it beats the general one.
    fn skinny(&self, skinny: Skinny) -> Result<bool> {
        if !self.is_for_few(&skinny) {
            return Ok(false);
        }
        // SAFETY: addresses come from tensors and weights of these shapes, which live until later launches at least.
        unsafe { skinny.launch(&self.0.device) }?;
        Ok(true)
    }

    fn skinny_of(&self, weight: &Weight, x: &Tensor, n_out: usize, y: u64) -> Result<Skinny> {
        Ok(Skinny {
            rows: x.rows,
            n_out,
            n_in: weight.n_in,
            x: x.bf16()?,
            weight: weight.values.ptr(),
            scales: weight.scales.as_ref().map_or(0, Buffer::ptr),
            bias: 0,
            norm: None,
            y,
            epilogue: Epilogue::Store,
        })
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
        // SAFETY: addresses and shapes are the tensors'.
        unsafe { rows::quantize_fp8(&self.0.device, input.values, input.scales.unwrap_or(0), x.bf16()?, x.rows, x.width) }?;
        Ok(input)
    }

    pub fn linear(&self, weight: &Weight, bias: Option<&Tensor>, x: &Tensor, n_out: usize) -> Result<Tensor> {
        let out = self.scratch(x.rows, n_out)?;
        let (y, bias) = (out.bf16()?, bias.map_or(Ok(0), Tensor::bf16)?);
        if !self.skinny(Skinny { bias, ..self.skinny_of(weight, x, n_out, y)? })? {
            let input = self.input(weight, x)?;
            self.launch(Matmul { bias, ..self.matmul(weight, &input, n_out, y) })?;
        }
        Ok(out)
    }

    /// As [`linear`](Self::linear), in f32.
    pub fn f32_linear(&self, weight: &Weight, x: &Tensor, n_out: usize) -> Result<Tensor> {
        let out = Tensor::in_pool(&self.0.device, &self.0.scratch, x.rows, n_out, DType::F32)?;
        let y = out.ptr(DType::F32)?;
        if !self.skinny(Skinny { epilogue: Epilogue::Logits, ..self.skinny_of(weight, x, n_out, y)? })? {
            let input = self.input(weight, x)?;
            self.launch(Matmul { f32_output: true, ..self.matmul(weight, &input, n_out, y) })?;
        }
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
        // SAFETY: addresses and shapes are the tensors'.
        unsafe { rows::rms_norm_fp8(&self.0.device, input.values, scales, x.bf16()?, norm_weight, x.rows, x.width, norm.eps) }?;
        Ok((input, None))
    }

    pub fn normed_linear(&self, weight: &Weight, bias: Option<&Tensor>, x: &Tensor, norm: &RmsNorm, n_out: usize) -> Result<Tensor> {
        let out = self.scratch(x.rows, n_out)?;
        let (y, bias) = (out.bf16()?, bias.map_or(Ok(0), Tensor::bf16)?);
        if !self.skinny(Skinny { bias, norm: Some(prologue(norm)?), ..self.skinny_of(weight, x, n_out, y)? })? {
            let (input, _owner) = self.normed(weight, x, norm)?;
            self.launch(Matmul { bias, ..self.matmul(weight, &input, n_out, y) })?;
        }
        Ok(out)
    }

    /// `x += down(silu(gate) · up)`, gate and up of the norm of `x`.
    pub fn add_gated(&self, gate_up: Layer<'_>, down: Layer<'_>, x: &Tensor, norm: &RmsNorm, width: usize) -> Result<()> {
        let ((weight, bias), (down, down_bias)) = (gate_up, down);
        let n_out = 2 * width;
        let bias_address = bias.map_or(Ok(0), Tensor::bf16)?;
        let few =
            Skinny { bias: bias_address, norm: Some(prologue(norm)?), epilogue: Epilogue::SwiGlu, ..self.skinny_of(weight, x, n_out, 0)? };
        if self.is_for_few(&few) || down.scales.is_none() {
            let gated = self.scratch(x.rows, width)?;
            let y = gated.bf16()?;
            if !self.skinny(Skinny { y, ..few })? {
                let gate_up = self.normed_linear(weight, bias, x, norm, n_out)?;
                // SAFETY: addresses and shapes are the tensors'.
                unsafe { rows::silu_mul(&self.0.device, y, gate_up.bf16()?, x.rows, width) }?;
            }
            return self.add_linear(down, down_bias, &gated, x);
        }
        let gate_up = self.normed_linear(weight, bias, x, norm, n_out)?;
        let input = self.quantized(x.rows, width)?;
        // SAFETY: addresses and shapes are the tensors'.
        unsafe { rows::silu_mul_fp8(&self.0.device, input.values, input.scales.unwrap_or(0), gate_up.bf16()?, x.rows, width) }?;
        self.add_matmul(down, down_bias, &input, x)
    }

    /// `silu(gate) · up` of rows of gate, then up.
    pub fn silu_mul(&self, gate_up: &Tensor) -> Result<Tensor> {
        let width = gate_up.width / 2;
        let out = self.scratch(gate_up.rows, width)?;
        // SAFETY: addresses and shapes are the tensors'.
        unsafe { rows::silu_mul(&self.0.device, out.bf16()?, gate_up.bf16()?, gate_up.rows, width) }?;
        Ok(out)
    }

    /// `silu(gate) · up` `[rows, width]`, gate and up of `x` itself.
    pub fn gated(&self, weight: &Weight, bias: Option<&Tensor>, x: &Tensor, width: usize) -> Result<Tensor> {
        let gated = self.scratch(x.rows, width)?;
        let few = Skinny { epilogue: Epilogue::SwiGlu, ..self.skinny_of(weight, x, 2 * width, gated.bf16()?)? };
        if !self.skinny(Skinny { bias: bias.map_or(Ok(0), Tensor::bf16)?, ..few })? {
            let gate_up = self.linear(weight, bias, x, 2 * width)?;
            // SAFETY: addresses and shapes are the tensors'.
            unsafe { rows::silu_mul(&self.0.device, gated.bf16()?, gate_up.bf16()?, x.rows, width) }?;
        }
        Ok(gated)
    }

    pub fn add_linear(&self, weight: &Weight, bias: Option<&Tensor>, x: &Tensor, residual: &Tensor) -> Result<()> {
        let few = Skinny { epilogue: Epilogue::Add, ..self.skinny_of(weight, x, residual.width, residual.bf16()?)? };
        if self.skinny(Skinny { bias: bias.map_or(Ok(0), Tensor::bf16)?, ..few })? {
            return Ok(());
        }
        self.add_matmul(weight, bias, &self.input(weight, x)?, residual)
    }

    fn add_matmul(&self, weight: &Weight, bias: Option<&Tensor>, x: &Input, residual: &Tensor) -> Result<()> {
        let (n_out, y) = (residual.width, residual.bf16()?);
        let bias = bias.map_or(Ok(0), Tensor::bf16)?;
        self.launch(Matmul { bias, accumulate: true, ..self.matmul(weight, x, n_out, y) })
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
        let skinny = self.skinny_of(weight, x, n_out, y)?;
        if !self.skinny(Skinny { norm: Some(prologue(norm)?), epilogue: Epilogue::Logits, ..skinny })? {
            let (input, _owner) = self.normed(weight, x, norm)?;
            self.launch(Matmul { f32_output: true, ..self.matmul(weight, &input, n_out, y) })?;
        }
        Ok(out)
    }
}

/// The norm as kernels take it in front of a product.
pub fn prologue(norm: &RmsNorm) -> Result<Norm> {
    Ok(Norm { weight: norm.weight.bf16()?, eps: norm.eps })
}
