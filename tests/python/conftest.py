"""What holds for all tests in this folder."""

import os

# Clean runs must pass, and this one thing is not clean: oneDNN 3.13, which is in torch 2.15,
# computes convolutions of 16 channels with a stride of 4 wrongly in bf16 on processors with
# AMX (off by an rms of 1.1; the templates find it in tiny-encodec). These are tests of dtf, so
# they do without AMX. Read when oneDNN is first used; other processors take no notice.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_FP16")
