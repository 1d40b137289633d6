"""The optional fast stream, Philox4x32-7 at the same addresses: equal in law, said so, one stream on all backends."""

from __future__ import annotations

import math
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bounds.stencil import stencil
from solvers import literal_numba, literal_reference
from solvers.cuda import literal as cuda_literal
from solvers.cuda.host import HostModule, compiler
from solvers.cuda.sources import literal_build
from solvers.jump_config import JumpConfig
from solvers.lq_law import Diagonal
from synthetic import philox
from synthetic.errors import InputError
from synthetic.philox import FAST_GAUSSIAN, FAST_RADEMACHER, GAUSSIAN, Address, draw

ONES = 0xFFFFFFFF
KNOWN = [  # counter, key, output of seven rounds: the vectors published with the Random123 library
    ((0, 0, 0, 0), (0, 0), (0x5F6FB709, 0x0D893F64, 0x4F121F81, 0x4F730A48)),
    ((ONES,) * 4, (ONES,) * 2, (0x5207DDC2, 0x45165E59, 0x4D8EE751, 0x8C52F662)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0x4DFCCABA, 0x190A87F0, 0xC47362BA, 0xB6B5242A),
    ),
]
SEEDS = [3, 7, 2**32 - 1]


def configuration() -> JumpConfig:
    s = stencil(2)
    return JumpConfig(
        problem=Diagonal([0.5, 1, 1.3], 1.1, 0.5, 1.0, 0.5, 3.1), x0=np.ones(3), nodes=s.nodes, weights=s.weights,
        nu=0.1, eta_x=0.05, eta_y=0.1, S=3, K=4, T_max=10, eps=1e-3, sigma_f=0.7, sigma_g=0.4, stop=False,
    )  # fmt: skip


@pytest.mark.parametrize(("counter", "key", "output"), KNOWN)
def test_known_answers(counter: Any, key: Any, output: Any) -> None:
    words = [np.array([w], dtype=np.uint64) for w in (*counter, *key)]
    assert tuple(int(w[0]) for w in philox._rounds(*words, philox.FAST_ROUNDS)) == output
    assert tuple(int(w[0]) for w in philox._rounds(*words, 8)) != output


def test_the_law_and_not_the_numbers() -> None:
    """Moments to 5.3 standard errors (1e-7 a test); correlations between the two streams and between addresses."""
    n = 1_000_000
    z, exact = (draw(law, Address(experiment=2), n) for law in (FAST_GAUSSIAN, GAUSSIAN))
    for moment, centre, spread in ((1, 0, 1), (2, 1, 2), (4, 3, 96)):
        assert abs(np.mean(z**moment) - centre) * math.sqrt(n / spread) < 5.3
    assert abs(np.mean((1.01 * z) ** 2) - 1) * math.sqrt(n / 2) > 5.3  # the control
    assert abs(np.dot(z, exact)) / math.sqrt(n) < 5.3
    for name in ("experiment", "seed", "step", "inner", "node", "stream"):
        near, far = (draw(FAST_RADEMACHER, Address(**{name: i}), 100_000) for i in (1, 2))
        assert abs(np.dot(near, far)) / math.sqrt(100_000) < 5.3, name


@pytest.mark.parametrize("noise", ["rademacher", "gaussian"])
def test_one_fast_stream_on_every_backend(noise: Any) -> None:
    truth = literal_reference.run_literal(configuration(), SEEDS, noise, stream="fast")
    exact = literal_reference.run_literal(configuration(), SEEDS, noise)
    assert (truth.in_law, exact.in_law) == (True, False)
    assert np.abs(truth.x - exact.x).max() > 1e-3
    others = [literal_numba.run_literal(configuration(), SEEDS, noise, stream="fast")]
    if compiler() is not None:
        others.append(cuda_literal.run_literal(configuration(), SEEDS, noise, stream="fast", module=HostModule))
        single = cuda_literal.run_literal(
            configuration(), SEEDS, noise, stream="fast", precision="float32", module=HostModule
        )
        assert single.in_law
        assert np.abs(single.x - truth.x).max() < 1e-5
    for other in others:
        assert other.in_law
        assert other.metered == truth.metered
        np.testing.assert_allclose(other.x, truth.x, rtol=0, atol=0 if noise == "rademacher" else 1e-13)
        np.testing.assert_allclose(other.y, truth.y, rtol=0, atol=0 if noise == "rademacher" else 1e-13)


def test_the_tails_of_single_precision() -> None:
    """Above u = 1/2 the radius goes through log(1 - v): in float32, u itself would round to 1 there."""
    if compiler() is None:
        pytest.skip("no g++: the CUDA sources cannot be run on this CPU")
    build = literal_build("quadratic", "gaussian", 1, 1, precision="float32", stream="fast")
    probe = """
    extern "C" __global__ void pair(i64 n, const u32* w, REAL* out) {
      for (i64 i = 0; i < n; ++i) box_muller(w[2 * i], w[2 * i + 1], &out[2 * i], &out[2 * i + 1]);
    }
    KERNEL(pair)
    """
    words = np.array([(a, b) for a in (0, 1, 2**31 - 1, 2**31, ONES - 1, ONES) for b in (0, 5, 2**31, ONES)])
    out = np.zeros(words.shape, dtype=np.float32)
    HostModule(build, build.text + probe).launch("pair", 1, np.int64(len(words)), words.astype(np.uint32), out)
    u, v = ((words + 0.5) * 2.0**-32).T
    r, a = np.sqrt(-2 * np.log1p(u - 1)), 2 * np.pi * v
    wanted = np.stack([r * np.cos(a), r * np.sin(a)], axis=-1)
    assert np.all(np.abs(out - wanted) <= 1e-6 * r[:, None])
    assert np.all(np.hypot(*out.T) > 0)


def test_fast_builds_say_so_and_compile(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pass exact or fast"):
        literal_build("quadratic", "gaussian", 1, 1, stream="quick")  # type: ignore[arg-type]
    build = literal_build("quadratic", "gaussian", 2, 2, precision="float32", stream="fast")
    assert not build.exact
    assert "--use_fast_math" in build.cuda_options
    if (nvcc := shutil.which("nvcc")) is None:
        pytest.skip("no nvcc: the CUDA sources cannot be compiled to PTX here")
    (tmp_path / "a.cu").write_text(build.text, "utf-8")
    command = [nvcc, "-ptx", "-arch=sm_90", *build.cuda_options, str(tmp_path / "a.cu"), "-o", str(tmp_path / "a.ptx")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "a.ptx").read_text("utf-8")
    assert "sin.approx" in text
    assert "fma." in text
