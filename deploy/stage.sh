#!/usr/bin/env bash
# stage.sh VARIANT BIN LIBTORCH FOLDER: what the images of deploy/Dockerfile take from a build with programs in BIN and
# LibTorch's wheels in LIBTORCH: FOLDER/sidecar/bin, FOLDER/worker/bin, and in FOLDER/worker/libtorch the libraries, placed
# as in the wheels, since they find each other by relative paths. VARIANT cpu: those that sluice-worker is linked with;
# cuda: all, for cuDNN and others load theirs by name.
set -euo pipefail
variant=$1 bin=$2 libtorch=$(realpath "$3") folder=$4

rm -rf "$folder"
install -D --strip -t "$folder/sidecar/bin" "$bin/sluice-sidecar" "$bin/sluicectl"
install -D --strip -t "$folder/worker/bin" "$bin/sluice-worker" "$bin/sluice-sidecar" "$bin/sluicectl"
case $variant in
  cpu)
    ldd "$bin/sluice-worker" | awk '$3 ~ "^/" {print $3}' | xargs realpath --no-symlinks |
      sed -n "s|^$libtorch/||p"
    ;;
  cuda) (cd "$libtorch" && find torch/lib nvidia/*/lib -maxdepth 1 -type f -name '*.so*' ! -name 'libtorch_python*') ;;
  *)
    echo "stage.sh: variant '$variant' is unknown; it is one of cpu, cuda" >&2
    exit 1
    ;;
esac | while read -r library; do
  install -D -m 644 "$libtorch/$library" "$folder/worker/libtorch/$library"
done
[[ -e $folder/worker/libtorch/torch/lib/libtorch_cpu.so ]] || {
  echo "stage.sh: $bin/sluice-worker is not linked with the LibTorch in $libtorch" >&2
  exit 1
}
