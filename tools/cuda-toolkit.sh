#!/usr/bin/env bash
# Puts what `cargo build --features cuda` needs into a folder, on a machine that has neither a GPU nor a CUDA toolkit:
# nvcc, headers and cuBLAS's headers, from Python packages (0.9 GB). Does nothing the second time. Prints what to source.
#   tools/cuda-toolkit.sh [FOLDER]        default: ~/.cache/ashlar-cuda
set -euo pipefail
folder=${1:-$HOME/.cache/ashlar-cuda}
root=$folder/nvidia/cu13
if [ ! -x "$root/bin/nvcc" ]; then
  python3 -m pip install --quiet --target "$folder" --no-deps \
    nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-crt==13.0.88 \
    nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85 nvidia-cublas==13.1.0.3
fi
ln -sfn lib "$root/lib64"
cat > "$folder/env.sh" <<ENV
export CUDA_HOME=$root PATH=$root/bin:\$PATH
ENV
echo "source $folder/env.sh"
