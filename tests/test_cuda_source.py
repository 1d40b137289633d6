"""The CUDA sources against the readable reference and numba: compiled by g++ on any machine, by NVRTC on a GPU."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import array_api_strict as strict
import numpy as np
import pytest

from bounds import chain
from bounds.stencil import stencil
from solvers import chain_kernel, jump, jump_reference, literal_numba, literal_reference
from solvers.cuda import chain as cuda_chain
from solvers.cuda import jump as cuda_jump
from solvers.cuda import literal as cuda_literal
from solvers.cuda import streams
from solvers.cuda.device import DeviceModule, gpu_name
from solvers.cuda.host import HostModule, compiler
from solvers.cuda.sources import FOLDER, Build, literal_build, source
from solvers.f2sa_p import F2SAp
from solvers.jump_config import JumpConfig, Stage
from solvers.lower_levels import Quartic
from solvers.lq_law import Diagonal
from synthetic.errors import InputError
from synthetic.learn_regularize import LearnToRegularize
from synthetic.noise import Rademacher
from synthetic.oracle import StochasticOracle
from synthetic.philox import Address, gaussian, philox4x32, rademacher, uniform
from synthetic.philox_numba import GAUSSIAN_ULPS

SEEDS = [3, 7, 2**32 - 1]
DIAGONAL = Diagonal(
    *map(np.array, ((0.5, 1, 1.3), (1.1, 2, 1.5), (0.5, -0.3, 0.7), (1, 0.6, -0.7), (1, 0.5, 0.2), (3.1, -1, 2.0)))
)
QUARTIC = Quartic(DIAGONAL, np.array([0.3, -0.2, 0.1]), np.array([1.0, 0.5, 2.0]), np.array([0.4, 0.3, -0.1]), 0.2)
TRAJECTORIES = [  # p, sharing, inner, normalise
    (1, "independent", "fresh", True),
    (2, "independent", "fresh", False),
    (3, "x-step", "fresh", True),
    (4, "everywhere", "frozen", True),
]
UPDATE = "y[i] -= eta * (j_nu * (F[i] + on_f * f) + (G[i] + on_g * g))"
DEVICE = strict.asarray(0.0, device=strict.Device("device1"))


@pytest.fixture(scope="module", params=["host", pytest.param("gpu", marks=pytest.mark.gpu)])
def module(request: pytest.FixtureRequest) -> Any:
    """What loads a build: g++ and this CPU, or CuPy and the GPU."""
    if request.param == "gpu":
        if gpu_name() is None:
            pytest.skip("no CuPy or no GPU that answers: run `tox -e gpu` on a machine with an NVIDIA GPU")
        return cache(DeviceModule)
    return host()


@cache
def host() -> Any:
    if compiler() is None:
        pytest.skip("no g++: the CUDA sources cannot be run on this CPU")
    return cache(HostModule)


def planted(before: str, after: str) -> Any:
    """A loader of the host build with ``before`` replaced in its source."""
    host()

    def load(build: Build) -> HostModule:
        assert before in build.text
        return HostModule(build, build.text.replace(before, after))

    return load


def configuration(p: int, **changes: Any) -> JumpConfig:
    s = stencil(p)
    base: dict[str, Any] = {
        "problem": DIAGONAL, "x0": np.array([1.0, -1.0, 0.5]), "y0": np.array([0.5, 0.0, -0.5]), "nodes": s.nodes,
        "weights": s.weights, "nu": 0.1, "eta_x": 0.05, "eta_y": 0.1, "S": 3, "K": 4, "T_max": 5, "eps": 1e-3,
        "sigma_f": 0.7, "sigma_g": 0.4, "stop": False, "experiment": 5,
    }  # fmt: skip
    return JumpConfig(**(base | changes))


def softmax() -> LearnToRegularize:
    rng = np.random.default_rng(0)
    train, val = rng.normal(size=(8, 3)), rng.normal(size=(6, 3))
    return LearnToRegularize(train, rng.integers(0, 3, 8), val, rng.integers(0, 3, 6), classes=3)


def same(ours: Any, other: Any, within: float = 0.0) -> bool:
    """The same trajectory: end points and norms to ``within`` (0: bit for bit), the same times and calls."""
    times = all(np.array_equal(getattr(ours, k), getattr(other, k)) for k in ("hit", "sustained", "last"))
    pairs = [(getattr(ours, k), getattr(other, k)) for k in ("x", "y", "norms") if getattr(ours, k) is not None]
    close = all(np.allclose(a, b, rtol=0, atol=within, equal_nan=True) for a, b in pairs)
    return bool(times and close and getattr(ours, "metered", None) == getattr(other, "metered", None))


# -- streams ------------------------------------------------------------------------------------------------

PLACE = {"experiment": 2**32 - 3, "step": 2**32 - 7, "inner": 9, "node": -4, "stream": 17}


def test_words_uniforms_and_signs_are_the_same_numbers(module: Any) -> None:
    where = Address(seed=np.array(SEEDS), **PLACE)
    c3 = ((-4 + 2**15) << 8) | 17
    blocks = [philox4x32((b, 9, 2**32 - 7, c3), (2**32 - 3, np.array(SEEDS))) for b in range(25)]
    words = np.stack([w for block in blocks for w in block], axis=-1)
    assert np.array_equal(streams.draw("words", 100, np.array(SEEDS), **PLACE, module=module), words)
    assert np.array_equal(streams.draw("uniform", 99, np.array(SEEDS), **PLACE, module=module), uniform(where, 99))
    assert np.array_equal(streams.draw("signs", 300, np.array(SEEDS), **PLACE, module=module), rademacher(where, 300))


def test_normals_to_the_stated_ulps(module: Any) -> None:
    n = 20_000
    ours = streams.draw("normals", n, np.array(SEEDS), **PLACE, module=module)
    exact = gaussian(Address(seed=np.array(SEEDS), **PLACE), n)
    assert np.max(np.abs(ours - exact) / np.spacing(np.abs(exact))) <= GAUSSIAN_ULPS


@pytest.mark.parametrize(("before", "after"), [
    ("0x9E3779B9u", "0x9E3779BAu"), ("0xBB67AE85u", "0xBB67AE84u"), ("0xD2511F53u", "0xD2511F51u"),
    ("0xCD9E8D57u", "0xCD9E8D55u"), ("#define ROUNDS 10", "#define ROUNDS 9"),
])  # fmt: skip
def test_one_wrong_constant_is_seen(before: str, after: str) -> None:
    found = streams.draw("words", 8, np.array(SEEDS), **PLACE, module=planted(before, after))
    right = streams.draw("words", 8, np.array(SEEDS), **PLACE, module=host())
    assert not np.array_equal(found, right)


# -- the literal kernel -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("p", "sharing", "inner", "normalise"), TRAJECTORIES)
@pytest.mark.parametrize("noise", ["rademacher", "gaussian", "multiplicative"])
def test_literal_trajectories(module: Any, noise: Any, p: int, sharing: str, inner: str, normalise: bool) -> None:
    """Three implementations, one trajectory: bit for bit on signs, to rounding on normals."""
    later = (Stage(2, 0.02, 0.05, 2, 6), Stage(4, 0.01, 0.02, 1, 1))
    config = configuration(p, sharing=sharing, inner=inner, normalise=normalise, later=later)
    truth = literal_reference.run_literal(config, SEEDS, noise)
    within = 0.0 if noise == "rademacher" else 1e-13
    assert same(cuda_literal.run_literal(config, SEEDS, noise, module=module), truth, within)
    assert same(literal_numba.run_literal(config, SEEDS, noise), truth, within)
    assert truth.metered == (config.calls(5),) * 3
    other = literal_reference.run_literal(configuration(p, sharing=sharing, inner=inner, experiment=6), SEEDS, noise)
    assert not same(other, truth, within=1e-6)  # another experiment's noise


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("problem", [DIAGONAL, QUARTIC])
def test_both_precisions(module: Any, problem: Any, precision: Any) -> None:
    config = configuration(2, problem=problem)
    reference = np.zeros((), dtype=precision)
    truth = literal_reference.run_literal(config, SEEDS, "rademacher", reference=reference)
    ours = cuda_literal.run_literal(config, SEEDS, "rademacher", precision=precision, module=module)
    assert ours.x.dtype == ours.y.dtype == truth.x.dtype == precision
    assert same(ours, truth)
    normal = cuda_literal.run_literal(config, SEEDS, "gaussian", precision=precision, module=module)
    truth = literal_reference.run_literal(config, SEEDS, "gaussian", reference=reference)
    assert same(normal, truth, 1e-13 if precision == "float64" else 2e-6)


def test_softmax_lower_level(module: Any) -> None:
    config = configuration(2, problem=softmax(), x0=np.zeros(3), y0=np.zeros(9))
    for noise in ("rademacher", "gaussian"):  # exp differs in its last bits between libraries, so to rounding only
        truth = literal_reference.run_literal(config, SEEDS, noise)
        assert same(cuda_literal.run_literal(config, SEEDS, noise, module=module), truth, 1e-12)
        assert np.all(truth.norms > 0)
        assert np.all(truth.hit == -1)  # no closed form of grad phi in the kernel: hits are left to the caller


def test_ends_chunks_and_lanes_over_eps(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that stop, each at its own time; launches of two steps; several eps side by side: the same runs."""
    sizes = ((0.9, 4, 3), (0.3, 7, 2), (0.05, 1, 1))
    problem = Diagonal([0.5, 1, 1.5], 1.0, 0.5, 1.0, 0.25, 0.1)
    quick: dict[str, Any] = {"sigma_f": 0.1, "sigma_g": 0.01, "normalise": False, "eta_x": 0.3, "problem": problem}
    cases = [configuration(2, eps=e, K=k, S=s, stop=True, T_max=40, **quick) for e, k, s in sizes]
    truths = [literal_reference.run_literal(c, SEEDS, "rademacher") for c in cases]
    assert len({int(t) for truth in truths for t in truth.last}) > 2
    assert any(np.isnan(truth.norms).any() for truth in truths)
    monkeypatch.setattr(cuda_literal, "STEPS", 2)
    together = cuda_literal.run_literals(cases, SEEDS, "rademacher", module=module)
    assert all(same(ours, truth) for ours, truth in zip(together, truths, strict=True))
    for config, truth in zip(cases, truths):
        assert same(literal_numba.run_literal(config, SEEDS, "rademacher"), truth)


@pytest.mark.parametrize(("before", "after"), [
    ("(j_nu * (F[i] + on_f * f)", "(j_nu * (F[i] - on_f * f)"),  # a sign
    ("weight * (j * f + g / nu)", "weight * (f + g / nu)"),  # a factor
    ("at.inner = (u32)(1 + k)", "at.inner = (u32)k"),  # an address
    ("0x9E3779B9u", "0x9E3779BAu"),  # a round constant
    (UPDATE, "y[i] = std::fma(-eta, j_nu * (F[i] + on_f * f) + (G[i] + on_g * g), y[i])"),  # contraction
])  # fmt: skip
def test_faults_in_the_literal_kernel_are_seen(before: str, after: str) -> None:
    config = configuration(2, T_max=20)
    wrong = cuda_literal.run_literal(config, SEEDS, "rademacher", module=planted(before, after))
    truth = literal_reference.run_literal(config, SEEDS, "rademacher")
    assert not same(wrong, truth)
    assert same(wrong, truth, within=1e-12) == ("fma" in after)


@pytest.mark.parametrize("problem", [DIAGONAL, QUARTIC])
def test_the_reference_is_the_solver(problem: Any) -> None:
    """literal_reference against solvers.f2sa_p with the metered oracle: two codes, one algorithm."""
    config, full = configuration(4, problem=problem), Quartic(DIAGONAL, 0.0, 0.0, 0.0, 0.0)
    instance = (full if problem is DIAGONAL else problem).problem()
    solver = F2SAp(p=4, nu=0.1, eta_x=0.05, eta_y=0.1, S=3, K=4, T=5)
    oracle = StochasticOracle(instance, Rademacher(0.7, 0.4), experiment=5, seeds=np.array(SEEDS))
    state = solver.init(instance, np.tile(config.x0, (3, 1)), config.y0)
    while not solver.terminate(state):
        state = solver.step(state, oracle)
    ours = literal_reference.run_literal(config, SEEDS, "rademacher")
    np.testing.assert_allclose(ours.x, state.x, rtol=0, atol=1e-13)
    np.testing.assert_allclose(ours.y, state.y, rtol=0, atol=1e-13)
    assert set(ours.metered) == {oracle.counts.sfo}


@pytest.mark.parametrize("problem", [DIAGONAL, QUARTIC, softmax()])
def test_the_reference_over_the_strict_library(problem: Any) -> None:
    d_y = problem.dim_y
    config = configuration(3, problem=problem, x0=np.full(3, 0.3), y0=np.zeros(d_y), sharing="x-step", T_max=3)
    plain = literal_reference.run_literal(config, SEEDS, "multiplicative")
    ours = literal_reference.run_literal(config, SEEDS, "multiplicative", reference=DEVICE)
    assert same(ours, plain, within=1e-14)


# -- the jump kernel and the chain --------------------------------------------------------------------------


@pytest.mark.parametrize(("p", "sharing", "method", "normalise"), [
    (1, "independent", "direct", True), (2, "independent", "filtered", False), (3, "everywhere", "direct", True),
])  # fmt: skip
def test_jump_trajectories(module: Any, p: int, sharing: str, method: Any, normalise: bool,
                           monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    config = configuration(
        p, sharing=sharing, method=method, normalise=normalise, T_max=37, later=(Stage(20, 0.02, 0.05, 2, 3),)
    )
    truth = jump_reference.run_jump(config, SEEDS)
    assert same(jump.run_jump(config, SEEDS), truth, 1e-13)
    ours = cuda_jump.run_jump(config, SEEDS, module=module)
    assert ours.method == truth.method == jump.run_jump(config, SEEDS).method
    assert same(ours, truth, 1e-13)
    monkeypatch.setattr(cuda_jump, "STEPS", 3)  # launches that end inside a group of four steps
    assert same(cuda_jump.run_jump(config, SEEDS, module=module), ours, 0.0)


@pytest.mark.parametrize(("sharing", "method"), [("independent", "filtered"), ("x-step", "direct"),
                                                  ("everywhere", "direct")])  # fmt: skip
def test_the_jump_reference_over_the_strict_library(sharing: str, method: Any) -> None:
    config = configuration(2, sharing=sharing, method=method, T_max=9)
    plain = jump_reference.run_jump(config, SEEDS)
    assert same(jump_reference.run_jump(config, SEEDS, reference=DEVICE), plain, within=1e-14)


def test_jump_hitting_times(module: Any) -> None:
    config, seeds = configuration(2, eps=0.8, stop=True, T_max=4000, normalise=False), range(20)
    truth = jump.run_jump(config, seeds)
    assert len(set(truth.last)) > 5
    assert same(jump_reference.run_jump(config, seeds), truth, 1e-12)
    assert same(cuda_jump.run_jump(config, seeds, module=module), truth, 1e-12)


def test_a_jump_kernel_with_a_wrong_sign_is_seen() -> None:
    config = configuration(2, method="direct")
    wrong = cuda_jump.run_jump(config, SEEDS, module=planted("- slope[one] * dx[i]", "+ slope[one] * dx[i]"))
    assert not same(wrong, jump.run_jump(config, SEEDS), 1e-6)


def test_chain_gradients(module: Any) -> None:
    """Against bounds.chain, and zero exactly where it is zero; the soft-projected one by its formula."""
    z = np.random.default_rng(0).normal(size=(5, 40, 12)) * 1.2
    truth, ours = chain.gradient(z), cuda_chain.chain_gradient(z, module=module)
    assert np.array_equal(ours == 0, truth == 0)
    np.testing.assert_allclose(ours, truth, rtol=1e-13, atol=1e-14)
    radius, ridge, T = chain_kernel.RADIUS, chain_kernel.RIDGE, z.shape[-1]
    for R in (radius, 0.7):  # 0.7: a projection that bends
        s = np.sqrt(1 + np.sum(z * z, axis=-1, keepdims=True) / (R * R * T))
        g = chain.gradient(z / s)
        soft = g / s - z * np.sum(z * g, axis=-1, keepdims=True) / (R * R * T * s**3) + ridge * z
        np.testing.assert_allclose(
            cuda_chain.soft_chain_gradient(z, R, ridge, module=module), soft, rtol=1e-11, atol=1e-13
        )


def test_a_wrong_chain_is_seen() -> None:
    z = np.random.default_rng(0).normal(size=(40, 12)) * 1.2
    wrong = cuda_chain.chain_gradient(z, module=planted("z < 0.0 ? -next : next", "next"))
    assert not np.allclose(wrong, chain.gradient(z), atol=1e-6)


# -- compiling ----------------------------------------------------------------------------------------------


def test_the_sources_travel_with_the_package_and_need_no_header() -> None:
    files = {path.name for path in Path(FOLDER).iterdir()}
    assert {"philox.cuh", "noise.cuh", "watch.cuh", "levels.cuh", "literal.cu", "jump.cu", "chain.cu", "streams.cu",
            "shim.hpp"} <= files  # fmt: skip
    for name in ("literal.cu", "jump.cu", "chain.cu", "streams.cu"):
        text = source(name)
        assert "#include" not in text  # NVRTC has no host headers
        assert text.count("struct Words") == 1


def test_builds_are_kept_by_source_compiler_and_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    build = Build("chain.cu")
    HostModule(build)
    HostModule(build)
    HostModule(build, build.text + "\n// another text\n")
    HostModule(Build("chain.cu", (("UNUSED", "1"),)))
    assert len(list((tmp_path / "bilevel-rates").glob("*.so"))) == 3
    with pytest.raises(InputError, match="does not compile"):
        HostModule(build, build.text + "\nthis is no C++\n")
    with pytest.raises(InputError, match="precision"):
        literal_build("quadratic", "gaussian", 2, 2, precision="float16")  # type: ignore[arg-type]


BUILDS = {
    "literal, signs": literal_build("polynomial", "rademacher", 2, 2),
    "literal, normals": literal_build("quadratic", "gaussian", 2, 2),
    "softmax": literal_build("softmax", "rademacher", 2, 4, classes=2, precision="float32"),
    "jump": Build("jump.cu", (("P", "1"), ("DX", "2"), ("MODE", "2"))),
    "chain": Build("chain.cu"),
    "streams": Build("streams.cu"),
}


@cache
def ptx(name: str, architecture: str, folder: str, contract: bool = False) -> dict[str, str]:
    """PTX of each kernel of a build, by nvcc."""
    if (nvcc := shutil.which("nvcc")) is None:
        pytest.skip("no nvcc: the CUDA sources cannot be compiled to PTX here")
    file, build = Path(folder) / f"{name.replace(', ', '-')}-{architecture}.cu", BUILDS[name]
    file.write_text(build.text, "utf-8")
    options = ["--fmad=true" if contract and o == "--fmad=false" else o for o in build.cuda_options]
    command = [nvcc, "-ptx", f"-arch={architecture}", *options, str(file), "-o", f"{file}.ptx"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    parts = re.split(r"\.visible \.entry ", Path(f"{file}.ptx").read_text("utf-8"))[1:]
    return {part.split("(")[0].strip(): part for part in parts}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("ptx"))


@pytest.mark.parametrize(("name", "architecture"), [
    *((name, a) for name in ("literal, signs", "literal, normals", "streams") for a in ("sm_80", "sm_90")),
    ("softmax", "sm_80"), ("jump", "sm_80"), ("jump", "sm_90"), ("chain", "sm_90"),
])  # fmt: skip
def test_nvcc_compiles_every_source(name: str, architecture: str, folder: str) -> None:
    found = ptx(name, architecture, folder)
    kernels = re.findall(r"^KERNEL\((\w+)\)", BUILDS[name].text, re.MULTILINE)
    assert sorted(found) == sorted(kernels)
    assert len(kernels) > 1


def fused(text: str) -> int:
    return len(re.findall(r"\bfma\.", text)) + len(re.findall(r"\bmad\.(?:rn|rz)", text))


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
def test_exact_arithmetic_is_not_contracted(architecture: str, folder: str) -> None:
    """No fused multiply-add but those inside log, sin and cos: none with signs, a whole number a pair with normals."""
    for name, text in ptx("literal, signs", architecture, folder).items():
        assert fused(text) == 0, name
        assert ".local" not in text or name == "outer_step"  # the state of a lane stays in registers
    normals = ptx("literal, normals", architecture, folder)
    pairs = fused(ptx("streams", architecture, folder)["fill_normals"]) // 2
    assert pairs > 10
    assert fused(normals["inner_steps"]) == fused(normals["batch_sums"]) == pairs * 2  # one pair of F, one of G
    assert fused(normals["outer_step"]) == fused(normals["look"]) == 0


def test_contraction_would_be_seen(tmp_path: Path) -> None:
    found = ptx("literal, signs", "sm_90", str(tmp_path), contract=True)
    assert fused(found["inner_steps"]) > 4
