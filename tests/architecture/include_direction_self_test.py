#!/usr/bin/env python3
"""Plants one wrong include at a time in a small, sound set of headers: include_direction.py must name each of them."""

import pathlib
import tempfile
import unittest

import include_direction

SOUND = {
    "config.hpp": "",
    "core/view.hpp": "#include <cstddef>\n#include <dfrot/config.hpp>\n",
    "core/matrix.hpp": "#include <vector>\n#include <dfrot/core/view.hpp>\n",
    "format/int4.hpp": "#include <dfrot/config.hpp>\n",
    "quantize/int4_scheme.hpp": "#include <dfrot/core/view.hpp>\n#include <dfrot/format/int4.hpp>\n",
    "backend/reference/pack.hpp": "#include <dfrot/quantize/int4_scheme.hpp>\n",
    "backend/cpu/isa/lanes.hpp": "#include <xsimd/xsimd.hpp>\n#include <dfrot/config.hpp>\n",
    "backend/cpu/pack.hpp": "#include <dfrot/backend/cpu/isa/lanes.hpp>\n#include <dfrot/quantize/int4_scheme.hpp>\n",
    "backend/cuda/device/launch.cuh": "#include <cuda_runtime.h>\n",
    "backend/cuda/pack.cuh": "#include <dfrot/backend/cuda/device/launch.cuh>\n#include <dfrot/quantize/int4_scheme.hpp>\n",
    "linalg/polar.hpp": "#include <Eigen/SVD>\n#include <dfrot/core/matrix.hpp>\n",
    "io/npy.hpp": "#include <sys/stat.h>\n#include <dfrot/core/matrix.hpp>\n",
    "optimize/refine/refine_rotation.hpp": "#include <dfrot/linalg/polar.hpp>\n",
    "reference.hpp": "#include <dfrot/backend/reference/pack.hpp>\n",
    "cpu.hpp": "#include <dfrot/backend/cpu/pack.hpp>\n",
    "cuda.cuh": "#include <dfrot/backend/cuda/pack.cuh>\n",
    "cuda_refinement.cuh": "#include <dfrot/cuda.cuh>\n",
    "dfrot.hpp": "".join(f"#include <dfrot/{header}>\n"
                         for header in ("reference.hpp", "cpu.hpp", "optimize/refine/refine_rotation.hpp", "io/npy.hpp")),
}


class IncludeDirection(unittest.TestCase):
    def problems(self, planted):
        """The problems of the sound set after lines were added to some headers."""
        with tempfile.TemporaryDirectory() as folder:
            for header in set(SOUND) | set(planted):
                path = pathlib.Path(folder) / "dfrot" / header
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(SOUND.get(header, "") + planted.get(header, ""), encoding="utf-8")
            return include_direction.problems_in(folder)

    def assert_named(self, header, line, expected):
        problems = self.problems({header: line + "\n"})
        self.assertTrue(any(expected in problem for problem in problems), f"{expected!r} is not in {problems}")

    def test_sound_headers_pass(self):
        self.assertEqual(self.problems({}), [])

    def test_upward_arrow(self):
        self.assert_named("core/view.hpp", "#include <dfrot/format/int4.hpp>", "core must not include format")

    def test_front_door_includes_a_backend(self):
        self.assert_named("quantize/int4_scheme.hpp", "#  include <dfrot/backend/cpu/pack.hpp>",
                          "quantize must not include backend/cpu")

    def test_one_backend_includes_another(self):
        self.assert_named("backend/cpu/pack.hpp", "#include <dfrot/backend/reference/pack.hpp>",
                          "backend/cpu must not include backend/reference")

    def test_room_includes_an_umbrella(self):
        self.assert_named("optimize/refine/refine_rotation.hpp", "#include <dfrot/reference.hpp>", "must not include umbrella")

    def test_umbrella_of_a_backend_includes_linalg(self):
        self.assert_named("reference.hpp", "#include <dfrot/linalg/polar.hpp>", "must not include linalg")

    def test_cycle_inside_a_room(self):
        self.assert_named("core/view.hpp", "#include <dfrot/core/matrix.hpp>", "cycle: ")

    def test_unknown_room(self):
        self.assert_named("attic/old.hpp", "#include <dfrot/config.hpp>", "attic, a room that the table does not know")

    def test_missing_header(self):
        self.assert_named("core/view.hpp", "#include <dfrot/core/gone.hpp>", "which does not exist")

    def test_quoted_include(self):
        self.assert_named("core/matrix.hpp", '#include "view.hpp"', "write <dfrot/...>")

    def test_eigen_outside_its_rooms(self):
        self.assert_named("quantize/int4_scheme.hpp", "#include <Eigen/Core>", "is for adapt, linalg, linalg/detail only")

    def test_registers_include_a_kernel(self):
        self.assert_named("backend/cpu/isa/lanes.hpp", "#include <dfrot/backend/cpu/pack.hpp>",
                          "backend/cpu/isa must not include backend/cpu")

    def test_xsimd_outside_the_cpu_backend(self):
        self.assert_named("backend/reference/pack.hpp", "#include <xsimd/xsimd.hpp>", "is for backend/cpu/isa only")

    def test_the_cuda_backend_includes_the_host_s(self):
        self.assert_named("backend/cuda/pack.cuh", "#include <dfrot/backend/cpu/pack.hpp>",
                          "backend/cuda must not include backend/cpu")

    def test_cuda_outside_its_backend(self):
        self.assert_named("core/view.hpp", "#include <cuda_runtime.h>", "is for backend/cuda/codes, backend/cuda/device, backend/cuda/gemm only")

    def test_cuda_header_that_the_umbrella_forgets(self):
        self.assert_named("backend/cuda/new.cuh", "#include <dfrot/config.hpp>",
                          "backend/cuda/new.cuh is not reached from <dfrot/cuda_refinement.cuh>")

    def test_unknown_dependency(self):
        self.assert_named("io/npy.hpp", "#include <boost/endian.hpp>", "an unknown dependency")

    def test_header_that_the_umbrella_forgets(self):
        self.assert_named("loss/new.hpp", "#include <dfrot/config.hpp>", "loss/new.hpp is not reached")

    def test_header_on_request(self):
        planted = {"io/safetensors.hpp": "#include <dfrot/io/strict_json.hpp>\n#include <dfrot/io/only_there.hpp>\n",
                   "io/strict_json.hpp": "#include <nlohmann/json.hpp>\n", "io/only_there.hpp": "#include <string>\n"}
        self.assertEqual(self.problems(planted), [])
        planted["io/npy.hpp"] = "#include <dfrot/io/strict_json.hpp>\n"
        self.assertIn("io/strict_json.hpp, which a program includes by itself, is reached from <dfrot/dfrot.hpp>",
                      self.problems(planted))

    def test_json_outside_of_files(self):
        self.assert_named("core/view.hpp", "#include <nlohmann/json.hpp>", "is for io only")

    def test_empty_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(len(include_direction.problems_in(folder)), 1)


if __name__ == "__main__":
    unittest.main()
