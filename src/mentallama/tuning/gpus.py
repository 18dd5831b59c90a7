"""Common GPUs, from NVIDIA's datasheets, and how long a run takes on them."""

from dataclasses import dataclass

from mentallama.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One model of GPU."""

    name: str
    memory: int
    """GiB, by the datasheet; error correction and the driver take up to 1 GiB of it."""
    tflops: float
    """Peak of dense matrix products, 10^12 operations per second: bf16 with fp32 sums where the
    GPU has it, fp16 elsewhere."""
    bf16: bool = True


GPUS = (
    Gpu(name="T4", memory=16, tflops=65, bf16=False),
    Gpu(name="V100", memory=32, tflops=125, bf16=False),
    Gpu(name="RTX 3090", memory=24, tflops=71),
    Gpu(name="RTX 4090", memory=24, tflops=165.2),
    Gpu(name="A10", memory=24, tflops=125),
    Gpu(name="L4", memory=24, tflops=121),
    Gpu(name="A100-40", memory=40, tflops=312),
    Gpu(name="A100-80", memory=80, tflops=312),
    Gpu(name="H100", memory=80, tflops=989),
    Gpu(name="H200", memory=141, tflops=989),
)
"""V100, H100 and H200 in their SXM form; the V100 with 32 GB."""


def hours(flops: float, gpu: Gpu, utilisation: float = 0.4, devices: int = 1) -> float:
    """Return hours for so many operations at a share of the peak; 0.3 to 0.5 is usual.

    Raises InputError where ``utilisation`` is not a share or ``devices`` not a number of GPUs.
    """
    if not 0 < utilisation <= 1 or devices < 1:
        raise InputError(
            f"{devices} devices at utilisation {utilisation}: give 1 or more, and 0 to 1"
        )
    return flops / (gpu.tflops * 1e12 * utilisation * devices) / 3600
