#!/usr/bin/env bash
# Tune a recipe on the GPUs of one machine, weights, gradients and optimiser divided over them:
#
#   launch/one-node.sh 4 mentallama-chat-13b --data data --out runs/chat-13b
#   launch/one-node.sh 8 mentallama-chat-13b --data data --out runs/chat-13b --set device_batch_size=2
#
# Later --set options win over those below. With fewer processes than asked for, the run refuses.
set -euo pipefail
gpus=$1
shift
exec "${PYTHON:-python}" -m torch.distributed.run --standalone --nproc-per-node "$gpus" \
  -m mentallama tune --set devices="$gpus" --set sharding=fsdp --set device_batch_size=1 "$@"
