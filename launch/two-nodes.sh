#!/usr/bin/env bash
# Tune a recipe on two machines with the same number of GPUs; the same command on both, apart from
# NODE_RANK. The folders of data and run must be shared, or be the same on both:
#
#   MASTER_ADDR=node1 NODE_RANK=0 launch/two-nodes.sh 8 mentallama-chat-13b --data data --out runs/13b
#   MASTER_ADDR=node1 NODE_RANK=1 launch/two-nodes.sh 8 mentallama-chat-13b --data data --out runs/13b
#
# Under Slurm, once for both:   srun --nodes 2 --ntasks-per-node 1 launch/two-nodes.sh 8 ...
set -euo pipefail
gpus=$1
shift
if [ -n "${SLURM_JOB_NODELIST:-}" ] && [ -z "${MASTER_ADDR:-}" ]; then
  MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
fi
: "${MASTER_ADDR:?set it to the name of the first machine}"
exec "${PYTHON:-python}" -m torch.distributed.run --nnodes 2 --nproc-per-node "$gpus" \
  --node-rank "${NODE_RANK:-${SLURM_NODEID:?set NODE_RANK to 0 on the first machine, 1 on the other}}" \
  --master-addr "$MASTER_ADDR" --master-port "${MASTER_PORT:-29500}" \
  -m mentallama tune --set devices=$((2 * gpus)) --set sharding=fsdp --set device_batch_size=1 "$@"
