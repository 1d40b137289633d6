"""CUDA C++ kernels: their sources, and what compiles and starts them on a GPU (CuPy) or on a CPU (g++)."""
