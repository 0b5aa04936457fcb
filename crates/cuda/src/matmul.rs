//! Matrix products by cuBLASLt, with the algorithm chosen once for each shape.

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Mutex, PoisonError};

use cudarc::cublaslt::{result, sys};

use super::{Device, Error, Result};

/// What cuBLAS may use for itself.
const WORKSPACE_BYTES: usize = 32 << 20;
/// Shapes whose algorithms are remembered. Prompts come in all lengths.
const MAX_PLANS: usize = 4096;
/// Scales are one f32 for each row of the operand (`CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F`; cuBLAS 12.9 and newer).
const SCALE_PER_ROW: i32 = 3;
/// `CUBLAS_OP_T`.
const OPERATION_TRANSPOSE: i32 = 1;

/// Scales of an FP8 product: one f32 for each row of the weights and of the inputs.
#[derive(Debug, Clone, Copy)]
pub struct Scales {
    pub weight: u64,
    pub x: u64,
}

/// `y = x · Wᵀ (+ bias) (+ y)`: `x` `[rows, n_in]`, `weight` `[n_out, n_in]`, `y` `[rows, n_out]`, all row-major device
/// addresses. Operands are bf16, or FP8 (e4m3) with `scales`; sums are f32.
#[derive(Debug, Clone, Copy)]
pub struct Matmul {
    pub rows: usize,
    pub n_out: usize,
    pub n_in: usize,
    pub x: u64,
    pub weight: u64,
    pub y: u64,
    pub scales: Option<Scales>,
    /// bf16 `[n_out]`, 0 = none.
    pub bias: u64,
    /// Adds the product to what `y` holds.
    pub accumulate: bool,
    /// `y` is f32, otherwise bf16.
    pub f32_output: bool,
    /// The tanh form of GELU behind the bias.
    pub gelu: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    rows: usize,
    n_out: usize,
    n_in: usize,
    fp8: bool,
    bias: bool,
    accumulate: bool,
    f32_output: bool,
    gelu: bool,
    heads: Option<HeadKey>,
}

/// Rows of heads: head `h` of row `r` is at `r · row_stride + h · head_stride` values (bf16) after `ptr`.
#[derive(Debug, Clone, Copy)]
pub struct HeadRows {
    pub ptr: u64,
    pub row_stride: usize,
    /// 0: all heads share one.
    pub head_stride: usize,
}

/// `y[h] = x[h] · W[h]ᵀ` of each head `h`: `weight` bf16 `[n_heads, n_out, n_in]`, sums are f32.
#[derive(Debug, Clone, Copy)]
pub struct HeadMatmul {
    pub rows: usize,
    pub n_heads: usize,
    pub n_out: usize,
    pub n_in: usize,
    pub x: HeadRows,
    pub weight: u64,
    pub y: HeadRows,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct HeadKey {
    n: usize,
    x: (usize, usize),
    y: (usize, usize),
}

pub(crate) struct Handle {
    handle: sys::cublasLtHandle_t,
    workspace: u64,
    plans: Mutex<HashMap<Key, Plan>>,
}

struct Plan {
    desc: sys::cublasLtMatmulDesc_t,
    weight: sys::cublasLtMatrixLayout_t,
    x: sys::cublasLtMatrixLayout_t,
    y: sys::cublasLtMatrixLayout_t,
    algorithm: sys::cublasLtMatmulAlgo_t,
}

impl Drop for Plan {
    fn drop(&mut self) {
        // SAFETY: made by `Plan::new`, destroyed once.
        unsafe {
            let _ = result::destroy_matmul_desc(self.desc);
            for layout in [self.weight, self.x, self.y] {
                let _ = result::destroy_matrix_layout(layout);
            }
        }
    }
}

fn blas(what: &'static str) -> impl FnOnce(result::CublasError) -> Error {
    move |error| Error::Driver { what, cause: error.to_string() }
}

impl Handle {
    /// With the device's context current.
    pub fn new() -> Result<Self> {
        let handle = result::create_handle().map_err(blas("starting cuBLAS"))?;
        // SAFETY: the context is current.
        let workspace = unsafe { cudarc::driver::result::malloc_sync(WORKSPACE_BYTES) }
            .map_err(|_| Error::OutOfMemory { wanted: WORKSPACE_BYTES, available: 0 })?;
        Ok(Self { handle, workspace, plans: Mutex::default() })
    }

    /// # Safety
    /// With the device's context current, once, after everything that used it.
    pub unsafe fn destroy(&self) {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner).clear();
        // SAFETY: the caller's.
        unsafe {
            let _ = result::destroy_handle(self.handle);
            let _ = cudarc::driver::result::free_sync(self.workspace);
        }
    }
}

impl Plan {
    /// cuBLAS counts columns first: `yᵀ [n_out, rows] = Wᵀ' [n_in, n_out]' · xᵀ [n_in, rows]`.
    /// The heads of a product by heads are a batch.
    fn new(handle: sys::cublasLtHandle_t, key: &Key, matmul: &Matmul) -> Result<Self> {
        use sys::cublasLtMatmulDescAttributes_t as D;
        use sys::cudaDataType as T;
        let operand = if key.fp8 { T::CUDA_R_8F_E4M3 } else { T::CUDA_R_16BF };
        let output = if key.f32_output { T::CUDA_R_32F } else { T::CUDA_R_16BF };
        let (n_out, n_in, rows) = (key.n_out as u64, key.n_in as u64, key.rows as u64);
        let failed = "describing a matrix product";
        let layout = |kind, height, width, (row_stride, head_stride): (usize, usize)| {
            let layout = result::create_matrix_layout(kind, height, width, row_stride as i64).map_err(blas(failed))?;
            if let Some(heads) = &key.heads {
                use sys::cublasLtMatrixLayoutAttribute_t as L;
                let (n, stride) = (heads.n as i32, head_stride as i64);
                // SAFETY: the layout is valid; the attributes are an i32 and an i64.
                unsafe {
                    result::set_matrix_layout_attribute(layout, L::CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, (&raw const n).cast(), 4)
                        .and_then(|()| {
                            let stride = (&raw const stride).cast();
                            result::set_matrix_layout_attribute(layout, L::CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, stride, 8)
                        })
                        .map_err(blas(failed))?;
                }
            }
            Ok::<_, Error>(layout)
        };
        let (x_strides, y_strides) = key.heads.map_or(((key.n_in, 0), (key.n_out, 0)), |heads| (heads.x, heads.y));
        let desc = result::create_matmul_desc(sys::cublasComputeType_t::CUBLAS_COMPUTE_32F, T::CUDA_R_32F).map_err(blas(failed))?;
        let mut plan = Self {
            desc,
            weight: layout(operand, n_in, n_out, (key.n_in, key.n_in * key.n_out))?,
            x: layout(operand, n_in, rows, x_strides)?,
            y: layout(output, n_out, rows, y_strides)?,
            // SAFETY: plain data, overwritten below.
            algorithm: unsafe { std::mem::zeroed() },
        };
        plan.set(D::CUBLASLT_MATMUL_DESC_TRANSA, &OPERATION_TRANSPOSE)?;
        let epilogue = match (key.gelu, key.bias) {
            (false, false) => sys::cublasLtEpilogue_t::CUBLASLT_EPILOGUE_DEFAULT,
            (false, true) => sys::cublasLtEpilogue_t::CUBLASLT_EPILOGUE_BIAS,
            (true, false) => sys::cublasLtEpilogue_t::CUBLASLT_EPILOGUE_GELU,
            (true, true) => sys::cublasLtEpilogue_t::CUBLASLT_EPILOGUE_GELU_BIAS,
        };
        plan.set(D::CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue)?;
        if key.bias {
            plan.set(D::CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &T::CUDA_R_16BF)?;
        }
        if key.fp8 {
            plan.set(D::CUBLASLT_MATMUL_DESC_A_SCALE_MODE, &SCALE_PER_ROW)?;
            plan.set(D::CUBLASLT_MATMUL_DESC_B_SCALE_MODE, &SCALE_PER_ROW)?;
        }
        // Algorithms are chosen with the addresses in place.
        plan.set_addresses(matmul)?;
        let preference = result::create_matmul_pref().map_err(blas(failed))?;
        // SAFETY: all descriptors are valid; the attribute is a size.
        let found = unsafe {
            let _ = result::set_matmul_pref_attribute(
                preference,
                sys::cublasLtMatmulPreferenceAttributes_t::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                std::ptr::from_ref(&WORKSPACE_BYTES).cast(),
                size_of::<usize>(),
            );
            let found = result::get_matmul_algo_heuristic(handle, plan.desc, plan.weight, plan.x, plan.y, plan.y, preference);
            let _ = result::destroy_matmul_pref(preference);
            found
        };
        plan.algorithm = found
            .map_err(|error| Error::Driver {
                what: "choosing an algorithm for a matrix product",
                cause: format!("{error}, [{rows}, {n_in}] · [{n_out}, {n_in}]ᵀ{}", if key.fp8 { " in FP8" } else { "" }),
            })?
            .algo;
        Ok(plan)
    }

    fn set_addresses(&self, matmul: &Matmul) -> Result<()> {
        use sys::cublasLtMatmulDescAttributes_t as D;
        if matmul.bias != 0 {
            self.set(D::CUBLASLT_MATMUL_DESC_BIAS_POINTER, &matmul.bias)?;
        }
        if let Some(scales) = &matmul.scales {
            self.set(D::CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, &scales.weight)?;
            self.set(D::CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, &scales.x)?;
        }
        Ok(())
    }

    fn set<T>(&self, attribute: sys::cublasLtMatmulDescAttributes_t, value: &T) -> Result<()> {
        // SAFETY: the descriptor is valid and `value` has the attribute's type.
        unsafe { result::set_matmul_desc_attribute(self.desc, attribute, std::ptr::from_ref(value).cast(), size_of::<T>()) }
            .map_err(blas("describing a matrix product"))
    }
}

impl Matmul {
    /// Launches the product.
    ///
    /// # Safety
    /// All addresses are valid for their shapes and aligned to 16 bytes until the product has run.
    pub unsafe fn launch(&self, device: &Device) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let key = Key {
            rows: self.rows,
            n_out: self.n_out,
            n_in: self.n_in,
            fp8: self.scales.is_some(),
            bias: self.bias != 0,
            accumulate: self.accumulate,
            f32_output: self.f32_output,
            gelu: self.gelu,
            heads: None,
        };
        // SAFETY: the caller's.
        unsafe { self.launch_as(device, key) }
    }

    unsafe fn launch_as(&self, device: &Device, key: Key) -> Result<()> {
        device.bind()?;
        let blas_handle = device.blas();
        let mut plans = blas_handle.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if plans.len() >= MAX_PLANS {
            plans.clear();
        }
        let plan = match plans.entry(key) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(Plan::new(blas_handle.handle, &key, self)?),
        };
        plan.set_addresses(self)?;
        let (alpha, beta) = (1.0f32, if self.accumulate { 1.0f32 } else { 0.0 });
        // SAFETY: the plan describes the operands; the caller answers for their addresses.
        unsafe {
            result::matmul(
                blas_handle.handle,
                plan.desc,
                (&raw const alpha).cast(),
                (&raw const beta).cast(),
                self.weight as *const c_void,
                plan.weight,
                self.x as *const c_void,
                plan.x,
                self.y as *const c_void,
                plan.y,
                self.y as *mut c_void,
                plan.y,
                &raw const plan.algorithm,
                blas_handle.workspace as *mut c_void,
                WORKSPACE_BYTES,
                device.stream().cast(),
            )
        }
        .map_err(blas("launching a matrix product"))
    }
}

impl HeadMatmul {
    /// Launches the product.
    ///
    /// # Safety
    /// All addresses are valid for their shapes and aligned to 16 bytes until the product has run.
    pub unsafe fn launch(&self, device: &Device) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let (rows, n_out, n_in) = (self.rows, self.n_out, self.n_in);
        let strides = |rows: &HeadRows| (rows.row_stride, rows.head_stride);
        let heads = Some(HeadKey { n: self.n_heads, x: strides(&self.x), y: strides(&self.y) });
        let key = Key { rows, n_out, n_in, fp8: false, bias: false, accumulate: false, f32_output: false, gelu: false, heads };
        let matmul = Matmul {
            rows,
            n_out,
            n_in,
            x: self.x.ptr,
            weight: self.weight,
            y: self.y.ptr,
            scales: None,
            bias: 0,
            accumulate: false,
            f32_output: false,
            gelu: false,
        };
        // SAFETY: the caller's.
        unsafe { matmul.launch_as(device, key) }
    }
}
