// SPDX-License-Identifier: BSL-1.0
#include <eap/undelivered.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/client.hpp"
#include "support/contexts.hpp"

#include <eap/async_operation.hpp>
#include <eap/operation_manager.hpp>
#include <eap/tracked.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using tests::lines;

namespace {

struct loss : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A manager whose every outcome is lost, and what is told of them.
template <class Home> struct lossy {
    explicit lossy(Home home) : manager(std::move(home)) {
        manager.on_undelivered([this](const eap::undelivered& what) { told.push_back(what); });
    }
    auto start(eap::user_state id = {}, eap::operation_options options = {}) {
        return manager.create_operation<int>(
            std::move(id), [](const eap::completed_event_args<int>&) {}, options);
    }
    std::vector<eap::undelivered> told;
    eap::operation_manager manager;
};
template <class Home> lossy(Home) -> lossy<Home>;

} // namespace

// ---- what is told ----

TEST_CASE("what is undelivered names its operation", "[undelivered]") {
    lossy home{tests::dropping_context{}};
    home.start("id", {.name = "resize"}).complete(1);

    REQUIRE(home.told.size() == 1);
    CHECK(home.told[0].user_state == eap::user_state{"id"});
    CHECK(home.told[0].name == "resize");
}

TEST_CASE("a lost value is neither an error nor cancelled", "[undelivered]") {
    lossy home{tests::dropping_context{}};
    home.start().complete(1);

    REQUIRE(home.told.size() == 1);
    CHECK(home.told[0].error == nullptr);
    CHECK_FALSE(home.told[0].cancelled);
}

TEST_CASE("a lost error is told as the very exception", "[undelivered]") {
    lossy home{tests::dropping_context{}};
    const auto error = std::make_exception_ptr(loss{"why"});
    home.start().complete_error(error);

    REQUIRE(home.told.size() == 1);
    CHECK(home.told[0].error == error);
    CHECK_FALSE(home.told[0].cancelled);
}

TEST_CASE("a lost cancellation is told as cancelled", "[undelivered]") {
    lossy home{tests::dropping_context{}};
    home.start().complete_cancelled();

    REQUIRE(home.told.size() == 1);
    CHECK(home.told[0].error == nullptr);
    CHECK(home.told[0].cancelled);
}

TEST_CASE("a lost abandonment is told as operation_abandoned", "[undelivered][G4]") {
    lossy home{tests::dropping_context{}};
    {
        const auto operation = home.start();
    }

    REQUIRE(home.told.size() == 1);
    REQUIRE(home.told[0].error != nullptr);
    CHECK_THROWS_AS(std::rethrow_exception(home.told[0].error), eap::operation_abandoned);
}

// ---- why ----

TEST_CASE("a home that drops the completion is gone", "[undelivered]") {
    lossy home{tests::dropping_context{}};
    home.start().complete(1);

    REQUIRE(home.told.size() == 1);
    CHECK(home.told[0].reason == eap::undelivered_reason::context_gone);
}

TEST_CASE("a home that throws context_closed is gone", "[undelivered]") {
    lossy home{tests::throwing_context{}.with(eap::context_closed{})};
    home.start().complete(1);

    REQUIRE(home.told.size() == 1);
    CHECK(home.told[0].reason == eap::undelivered_reason::context_gone);
}

TEST_CASE("a home that throws anything else has refused the post", "[undelivered][OP-14]") {
    lossy home{tests::throwing_context{}.with(std::bad_alloc{})};
    home.start().complete(1);

    REQUIRE(home.told.size() == 1);
    CHECK(home.told[0].reason == eap::undelivered_reason::post_failed);
}

TEST_CASE("a handler that lost its receiver", "[undelivered]") {
    tests::manual_queue queue;
    lossy home{queue.context()};
    auto receiver = std::make_shared<int>();
    auto operation = home.manager.create_operation<>(
        {}, eap::tracked(receiver, [](const eap::completed_event_args<>&) {}));
    operation.complete();
    receiver.reset();
    queue.run_all();

    REQUIRE(home.told.size() == 1);
    CHECK(home.told[0].reason == eap::undelivered_reason::receiver_gone);
}

TEST_CASE("an error that nobody had asked to hear of", "[undelivered]") {
    tests::manual_queue queue;
    lossy home{queue.context()};
    home.manager.create_operation("id").complete_error(loss{"why"});
    queue.run_all();

    REQUIRE(home.told.size() == 1);
    CHECK(home.told[0].reason == eap::undelivered_reason::no_handler);
    CHECK(home.told[0].user_state == eap::user_state{"id"});
}

TEST_CASE("without a handler, a value and a cancellation are nobody's loss", "[undelivered]") {
    tests::manual_queue queue;
    lossy home{queue.context()};
    home.manager.create_operation().complete();
    home.manager.create_operation().complete_cancelled();
    home.manager.create_operation().operation_completed();
    home.manager.create_operation().post_operation_completed([] {});
    queue.run_all();

    CHECK(home.told.empty());
}

// ---- when, where, how often ----

TEST_CASE("what is delivered is not told", "[undelivered]") {
    tests::manual_queue queue;
    lossy home{queue.context()};
    home.start().complete(1);
    home.start().complete_error(loss{"why"});
    home.start().complete_cancelled();
    queue.run_all();

    CHECK(home.told.empty());
}

TEST_CASE("lost reports are not told, only the outcome is", "[undelivered]") {
    tests::manual_queue queue;
    lossy home{queue.context()};
    auto operation = home.start();
    operation.report_progress(1);
    operation.report_progress(2);
    operation.complete(1);
    queue.close();

    CHECK(home.told.size() == 1);
}

TEST_CASE("an outcome is told on the thread that finds out", "[undelivered]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    std::thread::id told;
    std::thread::id closer;
    manager.on_undelivered([&](const eap::undelivered&) { told = std::this_thread::get_id(); });
    auto operation = manager.create_operation<>({}, [](const eap::completed_event_args<>&) {});
    operation.complete();
    std::thread{[&] {
        closer = std::this_thread::get_id();
        queue.close();
    }}.join();

    CHECK(told == closer);
}

TEST_CASE("the task id is free when its loss is told, and the operation still counts", "[undelivered]") {
    eap::operation_manager manager{tests::dropping_context{}};
    bool was_pending = true;
    std::size_t counted = 0;
    manager.on_undelivered([&](const eap::undelivered&) {
        was_pending = manager.is_pending("id");
        counted = manager.pending();
    });
    manager.create_operation<>("id", [](const eap::completed_event_args<>&) {}).complete();

    CHECK_FALSE(was_pending);
    CHECK(counted == 1);
    CHECK(manager.pending() == 0);
}

TEST_CASE("a later on_undelivered replaces the earlier", "[undelivered]") {
    eap::operation_manager manager{tests::dropping_context{}};
    lines told;
    manager.on_undelivered([&](const eap::undelivered&) { told.emplace_back("first"); });
    manager.create_operation<>({}, [](const eap::completed_event_args<>&) {}).complete();
    manager.on_undelivered([&](const eap::undelivered&) { told.emplace_back("second"); });
    manager.create_operation<>({}, [](const eap::completed_event_args<>&) {}).complete();

    CHECK(told == lines{"first", "second"});
}

TEST_CASE("without on_undelivered, a loss is silent", "[undelivered]") {
    eap::operation_manager manager{tests::dropping_context{}};
    auto operation = manager.create_operation<>({}, [](const eap::completed_event_args<>&) {});

    CHECK(operation.complete());
    CHECK(manager.pending() == 0);
}

TEST_CASE("a loss is told after its manager is gone", "[undelivered]") {
    tests::manual_queue queue;
    int told = 0;
    std::optional<eap::async_operation<>> operation;
    {
        eap::operation_manager manager{queue.context()};
        manager.on_undelivered([&](const eap::undelivered&) { ++told; });
        operation = manager.create_operation<>({}, [](const eap::completed_event_args<>&) {});
    }
    queue.close();
    operation->complete();

    CHECK(told == 1);
}

TEST_CASE("on_undelivered may be move-only", "[undelivered]") {
    eap::operation_manager manager{tests::dropping_context{}};
    int got = 0;
    manager.on_undelivered([&, owned = std::make_unique<int>(7)](const eap::undelivered&) { got = *owned; });
    manager.create_operation<>({}, [](const eap::completed_event_args<>&) {}).complete();

    CHECK(got == 7);
}

TEST_CASE("an empty on_undelivered is refused by name", "[undelivered]") {
    eap::operation_manager manager{tests::dropping_context{}};
    using function = std::function<void(const eap::undelivered&)>;

    CHECK_THAT(tests::message_of<std::invalid_argument>([&] { manager.on_undelivered(function{}); }),
               Catch::Matchers::Matches(".*on_undelivered.*empty function.*can be called.*"));
}
