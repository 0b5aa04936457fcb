//! Memory for results: large, short-lived and overwritten at once.

use std::arch::asm;

/// `n` numbers of unspecified value, for an operation that overwrites them all. Saves clearing memory that is written
/// anyway: a prompt's activations are many megabytes a layer.
pub fn for_overwrite(n: usize) -> Vec<f32> {
    let mut values = Vec::<f32>::with_capacity(n);
    // SAFETY: the capacity is there and any bits are an `f32`. To the compiler the assembly, which has no instruction, may
    // have written the memory behind the pointer, so it counts as initialised with values nobody knows.
    unsafe {
        asm!("/* {} */", in(reg) values.as_mut_ptr(), options(nostack, preserves_flags));
        values.set_len(n);
    }
    values
}

/// Tells the C library to keep freed memory instead of handing it back to the system after every step and asking for it,
/// page fault by page fault, in the next. For processes that run a model; does nothing but on glibc.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn mallopt(parameter: i32, value: i32) -> i32;
        }
        const M_TRIM_THRESHOLD: i32 = -1;
        const M_MMAP_THRESHOLD: i32 = -3;
        // SAFETY: documented parameters; a refused value changes nothing.
        unsafe {
            mallopt(M_TRIM_THRESHOLD, 1 << 30);
            // The largest that glibc takes.
            mallopt(M_MMAP_THRESHOLD, 32 << 20);
        }
    }
}
