// SPDX-License-Identifier: BSL-1.0
//
// Catch2, whichever of its two generations is installed: 3 has split headers, 2.13 a single one.
#ifndef EAP_TESTS_SUPPORT_CATCH_HPP
#define EAP_TESTS_SUPPORT_CATCH_HPP

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#else
#include <catch2/catch.hpp>
#endif

#endif
