// SPDX-License-Identifier: BSL-1.0
#include <eap/adaptors/future.hpp>

#include "support/catch.hpp"
#include "support/client.hpp"
#include "support/contexts.hpp"

#include "eap/contexts/thread_pool.hpp"
#include "eap/delegate.hpp"
#include "eap/run_on.hpp"

#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

using namespace std::chrono_literals;

namespace {

template <class T> bool is_ready(const std::future<T>& future) {
    return future.wait_for(0s) == std::future_status::ready;
}

} // namespace

TEST_CASE("a future of a call is ready when the call is complete, and gives what ending it would give",
          "[future]") {
    tests::manual_queue place;
    auto value = eap::to_future(eap::begin_invoke(place.context(), [](int a) { return a + 1; }, 41));
    auto nothing = eap::to_future(eap::begin_invoke(place.context(), [] {}));
    int object = 7;
    auto reference = eap::to_future(eap::begin_invoke(place.context(), [&]() -> int& { return object; }));
    auto moved = eap::to_future(eap::begin_invoke(place.context(), [] { return std::make_unique<int>(3); }));
    CHECK((!is_ready(value) && !is_ready(nothing) && !is_ready(reference) && !is_ready(moved)));
    place.run_all();
    CHECK(value.get() == 42);
    CHECK_NOTHROW(nothing.get());
    CHECK(&reference.get() == &object);
    CHECK(*moved.get() == 3);
}

TEST_CASE("a future of a call that is complete already is ready at once", "[future]") {
    tests::manual_queue place;
    const auto call = eap::begin_invoke(place.context(), [] { return 5; });
    place.run_all();
    auto future = eap::to_future(call);
    REQUIRE(is_ready(future));
    CHECK(future.get() == 5);
}

TEST_CASE("a future throws the error of its call, as it was thrown; also when it was cancelled, or lost",
          "[future]") {
    tests::manual_queue place;
    auto failed =
        eap::to_future(eap::begin_invoke(place.context(), []() -> int { throw std::out_of_range{"far"}; }));
    place.run_all();
    CHECK(tests::message_of<std::out_of_range>([&] { failed.get(); }) == "far");

    const auto call = eap::begin_invoke(place.context(), [] { return 1; });
    auto cancelled = eap::to_future(call);
    call.cancel();
    CHECK_THROWS_AS(cancelled.get(), eap::operation_cancelled);

    auto lost = eap::to_future(eap::begin_invoke(place.context(), [] { return 1; }));
    place.drop_all();
    CHECK_THROWS_AS(lost.get(), eap::operation_abandoned);
}

TEST_CASE("a future ends its call: nobody else can, before or after", "[future]") {
    tests::manual_queue place;
    const auto call = eap::begin_invoke(place.context(), [] { return 1; });
    auto future = eap::to_future(call);
    CHECK(call.end_invoke_called());
    CHECK_THROWS_AS(call.end_invoke(), eap::invalid_operation);
    CHECK_THROWS_AS(eap::to_future(call), eap::invalid_operation);
    place.run_all();
    CHECK_THROWS_AS(call.end_invoke(), eap::invalid_operation);
    CHECK(future.get() == 1);

    const auto ended = eap::begin_invoke(place.context(), [] { return 2; });
    place.run_all();
    CHECK(ended.end_invoke() == 2);
    CHECK_THROWS_AS(eap::to_future(ended), eap::invalid_operation);
    CHECK_THROWS_AS(eap::to_future(eap::async_call<int()>{}), eap::invalid_operation);
}

TEST_CASE("a future that is dropped waits for nothing, and the error of its call counts as fetched",
          "[future]") {
    tests::manual_queue place;
    const tests::record log;
    eap::on_unobserved_error([log](const eap::unobserved_error& what) { log.add(tests::told(what.error)); });
    static_cast<void>(eap::to_future(
        eap::begin_invoke(place.context(), []() -> int { throw std::runtime_error{"boom"}; })));
    place.run_all();
    eap::on_unobserved_error(nullptr);
    CHECK(log.all().empty());
}

TEST_CASE("an operation with a future is completed on any thread, and nobody's loop has to run for it",
          "[future]") {
    auto [operation, future] = eap::create_future_operation<int>();
    CHECK(!is_ready(future));
    eap::run_on(eap::thread_pool::shared(), std::move(operation), [] { return 42; });
    CHECK(future.get() == 42);
}

TEST_CASE("an operation with a future gives values of any kind, and each kind of end", "[future]") {
    auto nothing = eap::create_future_operation<>();
    nothing.operation.complete();
    CHECK_NOTHROW(nothing.future.get());

    int object = 7;
    auto reference = eap::create_future_operation<int&>();
    reference.operation.complete(object);
    CHECK(&reference.future.get() == &object);

    auto moved = eap::create_future_operation<std::unique_ptr<int>>();
    moved.operation.complete(std::make_unique<int>(3));
    CHECK(*moved.future.get() == 3);

    auto failed = eap::create_future_operation<int>();
    failed.operation.complete_error(std::out_of_range{"far"});
    CHECK(tests::message_of<std::out_of_range>([&] { failed.future.get(); }) == "far");

    auto cancelled = eap::create_future_operation<int>();
    cancelled.operation.complete_cancelled();
    CHECK_THROWS_AS(cancelled.future.get(), eap::operation_cancelled);

    auto dropped = eap::create_future_operation<int>();
    {
        const auto gone = std::move(dropped.operation);
    }
    CHECK_THROWS_AS(dropped.future.get(), eap::operation_abandoned);

    auto late = eap::create_future_operation<int>({.timeout = 0s});
    CHECK_THROWS_AS(late.future.get(), eap::operation_timed_out);
    CHECK(!late.operation.complete(1));
}

TEST_CASE("an operation outlives its future", "[future]") {
    auto made = eap::create_future_operation<std::string>();
    {
        const auto gone = std::move(made.future);
    }
    CHECK(made.operation.complete("nobody wants this"));
}
