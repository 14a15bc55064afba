// SPDX-License-Identifier: BSL-1.0
//
// The other file of process.test.cpp, rows 42 and 43: compiled with NDEBUG, or without it where the rest has it.
#ifdef NDEBUG
#undef NDEBUG
#else
#define NDEBUG
#endif
#include "faults/layouts.hpp" // first: its headers are to see that

#include "support/catch.hpp"

#include <utility>

namespace tests {

std::vector<std::size_t> layouts_with_ndebug() { return layouts_here(); }
void complete_with_ndebug(eap::async_operation<int> operation, int value) {
    operation.report_progress(50);
    operation.complete(value);
}
eap::user_state state_of_another_file(int number) { return key{number}; }
eap::any_synchronization_context erased_by_another_file(const eap::event_loop::context_type& context) {
    return context;
}

} // namespace tests

TEST_CASE("F42: a file compiled with other macros has all it needs", "[faults][F42]") {
    CHECK(tests::layouts_with_ndebug().size() == 36);
}
