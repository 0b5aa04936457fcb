//! What the benchmarks share: made-up numbers on the GPU, times, and the rate of a copy to hold them against.

use std::sync::OnceLock;

use ashlar_cuda::{Buffer, Device, bf16};

pub struct Bench {
    pub device: Device,
    /// Bytes a second, read and written together.
    pub copy: f64,
}

impl Bench {
    /// Measures a copy and says what it found; `None`, and says why, without a GPU.
    pub fn open() -> Option<Self> {
        let device = match Device::open(0) {
            Ok(device) => device,
            Err(error) => {
                println!("nothing measured: {error}");
                return None;
            }
        };
        let mut bench = Self { device, copy: 1.0 };
        let n = 1 << 30;
        let (from, to) = (bench.noise(n / 2), bench.noise(n / 2));
        bench.copy = 2.0 * n as f64 / bench.time(20, |_| bench.device.copy(to.ptr(), from.ptr(), n).expect("a copy"));
        println!("{}: a copy moves {:.0} GB/s\n", bench.device.name(), bench.copy / 1e9);
        Some(bench)
    }

    /// `n` bf16 numbers around 0, the same again after each million.
    pub fn noise(&self, n: usize) -> Buffer {
        static BLOCK: OnceLock<Vec<u8>> = OnceLock::new();
        let block = BLOCK.get_or_init(|| {
            let mut state = 7u32;
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                bf16::from_f32((state >> 8) as f32 / (1 << 23) as f32 - 1.0).to_le_bytes()
            };
            (0..1 << 20).flat_map(|_| next()).collect()
        });
        let buffer = Buffer::new(&self.device, 2 * n).expect("the GPU has room");
        let mut filled = block.len().min(2 * n);
        self.device.upload(buffer.ptr(), &block[..filled]).expect("an upload");
        while filled < 2 * n {
            let more = filled.min(2 * n - filled);
            self.device.copy(buffer.ptr() + filled as u64, buffer.ptr(), more).expect("a copy");
            filled += more;
        }
        buffer
    }

    pub fn integers(&self, values: impl IntoIterator<Item = i32>) -> Buffer {
        let bytes: Vec<u8> = values.into_iter().flat_map(i32::to_le_bytes).collect();
        Buffer::from_bytes(&self.device, &bytes).expect("the GPU has room")
    }

    /// Seconds of one launch, the mean of `n` after a few that are not counted.
    pub fn time(&self, n: usize, launch: impl Fn(usize)) -> f64 {
        (0..3).for_each(&launch);
        let started = self.device.record().expect("an event");
        (0..n).for_each(&launch);
        let ended = self.device.record().expect("an event");
        started.seconds_to(&ended).expect("the kernels ran") / n as f64
    }
}
