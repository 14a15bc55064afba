// SPDX-License-Identifier: BSL-1.0
#include <eap/unmanaged_operation.hpp>

#include "support/catch.hpp"
#include "support/client.hpp"
#include "support/contexts.hpp"

#include "eap/detail/inline_context.hpp"
#include "eap/progress_changed_event_args.hpp"

#include <chrono>
#include <memory>
#include <stdexcept>

using namespace std::chrono_literals;
using tests::lines;

namespace {

auto tell(const tests::record& log) {
    return [log](const auto& args) { log.add(tests::told(args)); };
}

} // namespace

TEST_CASE("an operation that no manager keeps count of tells its client all the same",
          "[unmanaged_operation]") {
    tests::manual_queue home;
    tests::record log;
    auto operation =
        eap::detail::create_unmanaged_operation<int, int>(home.context(), tell(log), tell(log), {});
    operation.report_progress(50, 7);
    operation.complete(42);
    home.run_all();
    CHECK(log.all() == lines{"50% 7", "value 42"});
}

TEST_CASE("what is to be prepared is, before even a deadline that has passed", "[unmanaged_operation]") {
    tests::record log;
    const auto operation = eap::detail::create_unmanaged_operation<int, void>(
        eap::detail::inline_context{}, tell(log), eap::ignore_progress{}, {.timeout = 0ms},
        [&](const auto& made) { log.add(made.completed() ? "too late" : "prepared"); });
    CHECK(log.all() == lines{"prepared", "timed out"});
}

TEST_CASE("when preparing throws, the client hears of nothing, and its handler is destroyed",
          "[unmanaged_operation]") {
    tests::manual_queue home;
    tests::record log;
    const auto held = std::make_shared<int>();
    CHECK_THROWS_AS((eap::detail::create_unmanaged_operation<int, void>(
                        home.context(), [log, held](const auto&) { log.add("told"); }, eap::ignore_progress{},
                        {}, [](const auto&) { throw std::runtime_error{"no"}; })),
                    std::runtime_error);
    home.run_all();
    CHECK(log.all().empty());
    CHECK(held.use_count() == 1);
}
