//! Compiles `kernels/*.cu` with nvcc, one fatbin a file: machine code for Hopper and PTX for everything from sm_80 on,
//! which the driver translates when it loads them. Nothing is linked: kernels are found by name when a device is opened.

#![expect(clippy::disallowed_methods, reason = "build scripts are told what to do by the environment")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, thread};

/// Files that use instructions only Hopper has; other devices never load them.
const HOPPER_ONLY: &str = "_sm90.cu";

fn main() {
    println!("cargo::rerun-if-changed=kernels");
    for name in ["NVCC", "CUDA_HOME", "CUDA_PATH", "PATH"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    if env::var_os("CARGO_FEATURE_DEVICE").is_none() {
        return;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let nvcc = nvcc();
    let mut files: Vec<PathBuf> = fs::read_dir("kernels")
        .expect("kernels/ lies beside build.rs")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "cu"))
        .collect();
    files.sort();
    let compile = |file: &PathBuf| {
        let fatbin = out.join(file.with_extension("fatbin").file_name().unwrap_or_default());
        run(&nvcc, file, &fatbin);
        fatbin
    };
    // As many at a time as cargo allows.
    let jobs = env::var("NUM_JOBS").ok().and_then(|n| n.parse().ok()).unwrap_or(2usize).max(1);
    let mut fatbins = Vec::new();
    for chunk in files.chunks(jobs) {
        thread::scope(|scope| {
            let running: Vec<_> = chunk.iter().map(|file| scope.spawn(move || compile(file))).collect();
            fatbins.extend(running.into_iter().map(|job| job.join().expect("compiling a kernel file failed")));
        });
    }
    let entries: String = files
        .iter()
        .zip(&fatbins)
        .map(|(file, fatbin)| format!("    Fatbin {{ hopper_only: {}, image: include_bytes!({fatbin:?}) }},\n", is_hopper_only(file)))
        .collect();
    fs::write(out.join("fatbins.rs"), format!("const FATBINS: &[Fatbin] = &[\n{entries}];\n")).expect("OUT_DIR is writable");
}

fn is_hopper_only(file: &Path) -> bool {
    file.to_string_lossy().ends_with(HOPPER_ONLY)
}

fn nvcc() -> PathBuf {
    let named = env::var_os("NVCC").map(PathBuf::from);
    let homes = ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(env::var_os).map(|home| Path::new(&home).join("bin/nvcc"));
    let on_path = env::split_paths(&env::var_os("PATH").unwrap_or_default()).map(|folder| folder.join("nvcc")).collect::<Vec<_>>();
    named
        .into_iter()
        .chain(homes)
        .chain(on_path)
        .chain([PathBuf::from("/usr/local/cuda/bin/nvcc")])
        .find(|path| path.is_file())
        .expect("nvcc was not found: install the CUDA toolkit (12.8 or newer) and put nvcc on PATH or set CUDA_HOME")
}

fn run(nvcc: &Path, file: &Path, fatbin: &Path) {
    let mut command = Command::new(nvcc);
    command.args(["-fatbin", "-std=c++17", "-O3", "-lineinfo", "-gencode", "arch=compute_90a,code=sm_90a"]);
    if !is_hopper_only(file) {
        command.args(["-gencode", "arch=compute_80,code=compute_80"]);
    }
    let output = command.arg("-o").arg(fatbin).arg(file).output().expect("nvcc can be started");
    assert!(output.status.success(), "nvcc {}:\n{}", file.display(), String::from_utf8_lossy(&output.stderr));
}
