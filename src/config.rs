//! Every flag and environment variable, in one place; nothing else reads the environment.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use url::Url;

use crate::engine::EngineOptions;
use crate::engine::ops::{Device, DeviceOptions, Quantization};
use crate::sandbox;

/// Settings of a running server. `--help` and `docs/` show the text below.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// Folder for everything this server keeps: private databases, uploads, models, the instance key
    #[arg(long, env = "ASHLAR_DATA_DIR", default_value = "data")]
    pub data_dir: PathBuf,

    /// Address and port to listen on
    #[arg(long, env = "ASHLAR_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// URL that people and clients reach this server under; file links and invitations start with it
    #[arg(long, env = "ASHLAR_PUBLIC_URL")]
    pub public_url: Option<Url>,

    /// Networks of reverse proxies whose X-Forwarded-For is believed (CIDR, repeatable)
    #[arg(long = "trusted-proxy", env = "ASHLAR_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<ipnet::IpNet>,

    /// PostgreSQL to use; without it a private one is started under the data directory
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// Redis to use; without it a private one is started under the data directory
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    pub redis_url: Option<String>,

    /// Prefix of every Redis key, for servers that share one Redis
    #[arg(long, env = "ASHLAR_REDIS_PREFIX", default_value = "ashlar:")]
    pub redis_prefix: String,

    /// Folder with the programs of PostgreSQL (initdb, postgres), when they are not found by themselves
    #[arg(long, env = "ASHLAR_POSTGRES_BIN")]
    pub postgres_bin: Option<PathBuf>,

    /// Folder of local models: one folder or GGUF file a model [default: DATA_DIR/models]
    #[arg(long, env = "ASHLAR_MODELS_DIR")]
    pub models_dir: Option<PathBuf>,

    /// Model that `provider: local, name: default` means: a name in the models folder or a path [default: the bundled ashlar-tiny]
    #[arg(long, env = "ASHLAR_DEFAULT_MODEL")]
    pub default_model: Option<String>,

    /// Start without loading any model
    #[arg(long, env = "ASHLAR_NO_MODEL")]
    pub no_model: bool,

    /// Threads of the CPU engine [default: the number of cores]
    #[arg(long, env = "ASHLAR_ENGINE_THREADS")]
    pub engine_threads: Option<usize>,

    /// What local models run on [default: cuda in programs built for it]
    #[arg(long, env = "ASHLAR_DEVICE", value_enum, default_value_t)]
    pub device: Device,

    /// Number of the GPU, as nvidia-smi counts
    #[arg(long, env = "ASHLAR_GPU", default_value_t = 0)]
    pub gpu: usize,

    /// Share of the GPU's memory that may be in use, weights, steps and KV cache together
    #[arg(long, env = "ASHLAR_GPU_MEMORY", default_value_t = 0.9)]
    pub gpu_memory: f64,

    /// Hold the decoder's matrices in another format than the checkpoint's
    #[arg(long, env = "ASHLAR_QUANTIZATION", value_enum)]
    pub quantization: Option<Quantization>,

    /// Memory of the KV cache of a local model, in MiB [default: 512 on the CPU, what is left on a GPU]
    #[arg(long, env = "ASHLAR_KV_CACHE_MB")]
    pub kv_cache_mb: Option<usize>,

    /// Requests that may wait for a local model before new ones get 429
    #[arg(long, env = "ASHLAR_QUEUE_LIMIT", default_value_t = 256)]
    pub queue_limit: usize,

    /// Adapters (LoRA) of a local model that may be in memory at once; a GPU sets room aside for as many of rank 16
    #[arg(long, env = "ASHLAR_MAX_ADAPTERS", default_value_t = 8)]
    pub max_adapters: usize,

    /// Model that an adapter is for, where its configuration does not name a local one (ADAPTER=MODEL, repeatable)
    #[arg(long = "adapter-base", env = "ASHLAR_ADAPTER_BASES", value_delimiter = ',', value_parser = adapter_base)]
    pub adapter_bases: Vec<(String, String)>,

    /// Mail server that forms and invitations are sent through: smtps://USER:PASSWORD@HOST, or smtp://HOST, which turns to TLS when
    /// the server can (`?tls=required`, `?tls=none`)
    #[arg(long, env = "ASHLAR_SMTP_URL", hide_env_values = true)]
    pub smtp_url: Option<Url>,

    /// Who that mail is from: an address, or `NAME <ADDRESS>`
    #[arg(long, env = "ASHLAR_MAIL_FROM")]
    pub mail_from: Option<String>,

    /// 32-byte key (64 hex digits) that seals stored secrets [default: DATA_DIR/instance.key, made on first start]
    #[arg(long, env = "ASHLAR_INSTANCE_KEY", hide_env_values = true)]
    pub instance_key: Option<String>,

    /// Networks that outbound requests of apps may reach although they are private (CIDR, repeatable)
    #[arg(long = "allow-network", env = "ASHLAR_ALLOW_NETWORKS", value_delimiter = ',')]
    pub allow_networks: Vec<ipnet::IpNet>,

    /// Largest picture to decode, in megapixels
    #[arg(long, env = "ASHLAR_MAX_IMAGE_MEGAPIXELS", default_value_t = 64)]
    pub max_image_megapixels: u32,

    /// Upload limits in MB, by kind of file
    #[arg(long, env = "ASHLAR_UPLOAD_IMAGE_MB", default_value_t = 10)]
    pub upload_image_mb: u64,
    #[arg(long, env = "ASHLAR_UPLOAD_VIDEO_MB", default_value_t = 100)]
    pub upload_video_mb: u64,
    #[arg(long, env = "ASHLAR_UPLOAD_AUDIO_MB", default_value_t = 50)]
    pub upload_audio_mb: u64,
    #[arg(long, env = "ASHLAR_UPLOAD_FILE_MB", default_value_t = 15)]
    pub upload_file_mb: u64,

    /// File extensions that may not be uploaded (without dot, comma-separated)
    #[arg(long, env = "ASHLAR_BLOCKED_EXTENSIONS", value_delimiter = ',')]
    pub blocked_extensions: Vec<String>,

    /// Python interpreter of code nodes [default: the first in the usual places]
    #[arg(long, env = "ASHLAR_PYTHON")]
    pub python: Option<PathBuf>,

    /// Folder of packages that Python code nodes may import besides the standard library (`pip install --target FOLDER …`)
    #[arg(long, env = "ASHLAR_PYTHON_PACKAGES")]
    pub python_packages: Option<PathBuf>,

    /// Seconds the code of one node may run
    #[arg(long, env = "ASHLAR_CODE_TIMEOUT_S", default_value_t = 15)]
    pub code_timeout_s: u64,

    /// What is started as `PROGRAM sandbox`
    #[arg(long, hide = true, default_value = "/proc/self/exe")]
    pub sandbox_program: PathBuf,

    /// Seconds one generation may take
    #[arg(long, env = "ASHLAR_GENERATION_TIMEOUT_S", default_value_t = 1200)]
    pub generation_timeout_s: u64,

    /// Base URL of the model hub that `model pull` uses
    #[arg(long, env = "HF_ENDPOINT", default_value = "https://huggingface.co")]
    pub hf_endpoint: Url,

    /// Access token for the model hub
    #[arg(long, env = "HF_TOKEN", hide_env_values = true)]
    pub hf_token: Option<String>,
}

fn adapter_base(text: &str) -> Result<(String, String), String> {
    let (adapter, model) = text.split_once('=').ok_or("expected ADAPTER=MODEL")?;
    Ok((adapter.to_owned(), model.to_owned()))
}

impl Config {
    /// How code of users runs.
    pub fn sandbox(&self) -> sandbox::Options {
        sandbox::Options {
            program: self.sandbox_program.clone(),
            python: self.python.clone(),
            python_packages: self.python_packages.clone(),
            time_limit: Duration::from_secs(self.code_timeout_s.max(1)),
            ..sandbox::Options::default()
        }
    }

    /// How local models run.
    pub fn engine(&self) -> EngineOptions {
        EngineOptions {
            device: DeviceOptions { device: self.device, gpu: self.gpu, threads: self.engine_threads, quantization: self.quantization },
            kv_cache_mb: self.kv_cache_mb,
            gpu_memory: self.gpu_memory.clamp(0.05, 1.0),
            queue_limit: self.queue_limit,
            max_adapters: self.max_adapters,
        }
    }

    pub fn models_dir(&self) -> PathBuf {
        self.models_dir.clone().unwrap_or_else(|| self.data_dir.join("models"))
    }

    /// Base of links given out, without a trailing slash.
    pub fn base_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.listen),
        }
    }
}
