// SPDX-License-Identifier: BSL-1.0
//
// Faults of the work and of its values: what is thrown, let go of, or cannot be copied. Rows 3 to 7, 30, 32, 33 and 35 of
// the catalogue (README.md).
#include <eap/operation_manager.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/client.hpp"
#include "support/contexts.hpp"
#include "support/throwing.hpp"

#include <eap/async_method.hpp>
#include <eap/background_worker.hpp>
#include <eap/completed_event_args.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/delegate.hpp>
#include <eap/event.hpp>
#include <eap/progress_changed_event_args.hpp>
#include <eap/run_on.hpp>
#include <eap/scoped_context.hpp>
#include <eap/user_state.hpp>

#include <array>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using tests::lines;
using tests::message_of;

namespace {

const std::string abandoned =
    "The worker let go of the operation without completing it. Complete it with a value, "
    "an error or as cancelled before it is destroyed.";
const std::string refused_to_be_made = "a value refused to be made";

struct work_error : std::runtime_error {
    work_error() : std::runtime_error{"the work failed"} {}
    int detail = 42;
};

struct values; // of this file
using value = tests::throwing<int, values>;

std::string what(const std::exception_ptr& error) {
    return message_of<std::exception>([&] { std::rethrow_exception(error); });
}

} // namespace

TEST_CASE("F3: an operation that its worker lets go of ends, once, and says why", "[faults][F3]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    std::vector<std::exception_ptr> told;
    static_cast<void>(manager.create_operation<int>(
        {}, [&](const eap::completed_event_args<int>& args) { told.push_back(args.error()); }));
    queue.run_all();

    REQUIRE(told.size() == 1);
    CHECK_THROWS_AS(std::rethrow_exception(told.front()), eap::operation_abandoned);
    CHECK(what(told.front()) == abandoned);
    CHECK(manager.pending() == 0);
}

TEST_CASE("F3: let go of with nobody to tell, it is told to on_undelivered, by its name", "[faults][F3]") {
    tests::manual_queue queue;
    std::vector<std::string> told;
    eap::operation_manager manager{queue.context()};
    manager.on_undelivered([&](const eap::undelivered& what_) {
        told.push_back(std::string{what_.name} + " " + what_.user_state.get<std::string>());
    });
    queue.close();
    static_cast<void>(
        manager.create_operation<int>("id", [](const eap::completed_event_args<int>&) {}, {.name = "load"}));
    CHECK(told == lines{"load id"});
    CHECK(manager.pending() == 0);
}

TEST_CASE("F3: a call that its place lost ends for its callback and for whoever waits", "[faults][F3]") {
    tests::manual_queue home;
    eap::async_call<int()> call;
    int callbacks = 0;
    {
        const eap::scoped_context here{home.context()};
        call = eap::delegate<int()>{[] { return 1; }}
                   .on(tests::dropping_context{})
                   .begin_invoke([&](const auto&) { ++callbacks; });
    }
    CHECK(message_of<eap::operation_abandoned>([&] { call.end_invoke(); }) == abandoned);
    home.run_all();
    CHECK(callbacks == 1);
}

TEST_CASE("F4: what escapes the work is thrown to whoever ends the call, as it was thrown", "[faults][F4]") {
    eap::event_loop loop;
    const auto call = eap::begin_invoke(loop.context(), []() -> int { throw work_error{}; });
    const auto other = eap::begin_invoke(loop.context(), []() -> int { throw 42; }); // NOLINT: no exception
    CHECK(loop.run() == 2); // and leaves the loop alone

    try {
        call.end_invoke();
        FAIL("nothing was thrown");
    } catch (const work_error& error) {
        CHECK(error.detail == 42);
        CHECK(std::string{error.what()} == "the work failed");
    }
    CHECK_THROWS_AS(other.end_invoke(), int);
    CHECK(message_of<eap::invalid_operation>([&] { call.end_invoke(); }) ==
          "eap: this call has been ended already, and its outcome is gone; end each call once");
}

TEST_CASE("F5: a value that cannot be stored becomes the error, and the worker has ended it",
          "[faults][F5]") {
    const tests::failing_scope<value> scope;
    tests::manual_queue queue;
    {
        tests::client client{queue.context()};
        auto copied = client.start<value>();
        const value one{1};
        value::copies.fail(1);
        CHECK(copied.complete(one));
        CHECK_THROWS_AS(copied.complete(one), eap::invalid_operation);
        auto moved = client.start<value>();
        value::moves.fail(1);
        CHECK(moved.complete(value{2}));
        auto made = client.start<value>();
        value::constructions.fail(1);
        CHECK(made.complete(3));
        value::fail_none();
        queue.run_all();

        CHECK(client.log.all() == lines(3, "error: " + refused_to_be_made));
        CHECK(client.manager.pending() == 0);
    }
    CHECK(value::alive == 0);
}

TEST_CASE("F6: a result that cannot be moved out is lost with the end of its call", "[faults][F6]") {
    const tests::failing_scope<value> scope;
    {
        eap::event_loop loop;
        const auto call = eap::begin_invoke(loop.context(), [] { return value{1}; });
        loop.run();
        value::moves.fail(1);
        CHECK(message_of<tests::value_refused>([&] { static_cast<void>(call.end_invoke()); }) ==
              refused_to_be_made);
        CHECK(call.end_invoke_called());
        CHECK_THROWS_AS(call.end_invoke(), eap::invalid_operation);
    }
    CHECK(value::alive == 0);
}

TEST_CASE("F6: when the args cannot be moved into a handler that takes them by value, whoever runs the home "
          "hears of it",
          "[faults][F6]") {
    const tests::failing_scope<value> scope;
    {
        eap::event_loop loop;
        eap::operation_manager manager{loop.context()};
        int handled = 0;
        auto operation = manager.create_operation<value>(
            {}, [&](eap::completed_event_args<value>) { ++handled; }); // NOLINT
        operation.complete(1);
        value::moves.fail(1);
        CHECK(message_of<tests::value_refused>([&] { loop.run(); }) == refused_to_be_made);
        CHECK(handled == 0);
        CHECK(manager.pending() == 0);
    }
    CHECK(value::alive == 0);
}

TEST_CASE("F7: nothing that dies where nobody could catch may throw when it does", "[faults][F7]") {
    // Values and user states with such a destructor do not compile, and say so:
    // compile_fail/completed_event_args_of_a_throwing_destructor.cpp, compile_fail/user_state_of_a_throwing_destructor.cpp
    STATIC_REQUIRE(std::is_nothrow_destructible_v<eap::user_state>);
    STATIC_REQUIRE(std::is_nothrow_destructible_v<eap::completed_event_args<value>>);
    STATIC_REQUIRE(std::is_nothrow_destructible_v<eap::progress_changed_event_args<value>>);
    STATIC_REQUIRE(std::is_nothrow_destructible_v<eap::async_operation<value, value>>);
    STATIC_REQUIRE(std::is_nothrow_destructible_v<eap::async_call<value(value)>>);
    STATIC_REQUIRE(std::is_nothrow_destructible_v<eap::delegate<value(value)>>);
    STATIC_REQUIRE(std::is_nothrow_destructible_v<eap::event<value>>);
    STATIC_REQUIRE(std::is_nothrow_destructible_v<eap::scoped_connection>);
    STATIC_REQUIRE(std::is_nothrow_destructible_v<eap::operation_manager>);
    STATIC_REQUIRE(std::is_nothrow_destructible_v<eap::async_method<value(value), value>>);
    STATIC_REQUIRE(std::is_nothrow_destructible_v<eap::background_worker<value, value, value>>);
}

namespace {

struct alignas(256) over_aligned {
    int number = 7;
};
template <std::size_t Bytes> struct large {
    std::array<unsigned char, Bytes> bytes{};
};
constexpr std::size_t mebibyte = std::size_t{1} << 20U;
class without_default {
  public:
    explicit without_default(int n) : number(n) {}
    int number;
};

/// Runs `work` as a call and as an operation; `read` says whether what arrives is right.
template <class R, class Work, class Read> void goes_everywhere(Work work, Read read) {
    eap::event_loop loop;
    const eap::delegate<R()> delegate{work};
    const auto call = delegate.on(loop.context()).begin_invoke();
    int arrived = 0;
    eap::operation_manager manager{loop.context()};
    eap::run_on(
        loop.context(),
        manager.create_operation<R>(
            {}, [&](const eap::completed_event_args<R>& args) { arrived += read(args.result()) ? 1 : 0; }),
        work);
    loop.run();
    if constexpr (std::is_void_v<R>)
        call.end_invoke();
    else
        CHECK(read(call.end_invoke()));
    CHECK(arrived == 1);
}

} // namespace

TEST_CASE("F30: results of any kind arrive, in a call and in an operation", "[faults][F30]") {
    // Arrays, functions, abstract classes and rvalue references do not compile, and say what to write instead:
    // compile_fail/completed_event_args_of_*.cpp. An in-out parameter that cannot be assigned: begin_invoke_with_a_*.cpp.
    static int somebodys = 5;
    goes_everywhere<std::unique_ptr<int>>([] { return std::make_unique<int>(7); },
                                          [](const auto& p) { return p != nullptr && *p == 7; });
    goes_everywhere<int&>([]() -> int& { return somebodys; }, [](const int& r) { return &r == &somebodys; });
    goes_everywhere<over_aligned>(
        [] { return over_aligned{}; },
        [](const over_aligned& v) {
            return v.number == 7 && reinterpret_cast<std::uintptr_t>(&v) % alignof(over_aligned) == 0;
        });
    goes_everywhere<without_default>([] { return without_default{7}; },
                                     [](const without_default& v) { return v.number == 7; });
    goes_everywhere<const std::string>([] { return std::string(100, 'x'); },
                                       [](const std::string& s) { return s == std::string(100, 'x'); });
    eap::event_loop loop;
    const auto nothing = eap::begin_invoke(loop.context(), [] {});
    // Half of one: UndefinedBehaviorSanitizer takes a base that is further behind for no base at all.
    const auto half = eap::begin_invoke(loop.context(), [] {
        large<mebibyte / 2> result;
        result.bytes.back() = 9;
        return result;
    });
    unsigned char last = 0;
    eap::operation_manager manager{loop.context()};
    auto whole = manager.create_operation<large<mebibyte>>(
        {},
        [&](const eap::completed_event_args<large<mebibyte>>& args) { last = args.result().bytes.back(); });
    large<mebibyte> value_;
    value_.bytes.back() = 8;
    CHECK(whole.complete(value_));
    loop.run();
    nothing.end_invoke();
    CHECK(half.end_invoke().bytes.back() == 9);
    CHECK(last == 8);
}

TEST_CASE("F32: a percentage is one, whatever was computed", "[faults][F32]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    auto operation = client.start();
    for (const int percentage : {INT_MIN, -1, 0, 50, 100, 101, INT_MAX})
        CHECK(operation.report_progress(percentage));
    operation.complete();
    queue.run_all();

    CHECK(client.log.all() == lines{"0%", "0%", "0%", "50%", "100%", "100%", "100%", "value"});
}

TEST_CASE("F32: progress that is no percentage passes through as it is", "[faults][F32]") {
    tests::manual_queue queue;
    eap::operation_manager manager{queue.context()};
    std::vector<double> seen;
    auto operation = manager.create_operation<void, double>(
        {}, [](const eap::completed_event_args<>&) {},
        [&](const eap::progress_changed_event_args<double>& args) { seen.push_back(args.value()); });
    operation.report_progress(0, std::numeric_limits<double>::quiet_NaN());
    operation.report_progress(0, std::numeric_limits<double>::infinity());
    operation.complete();
    queue.run_all();

    REQUIRE(seen.size() == 2);
    CHECK(seen[0] != seen[0]);
    CHECK(seen[1] == std::numeric_limits<double>::infinity());
}

TEST_CASE("F33: task ids at the ends of their types stay apart", "[faults][F33]") {
    tests::manual_queue queue;
    tests::client client{queue.context()};
    std::vector<eap::async_operation<>> operations;
    const std::vector<eap::user_state> ids{std::numeric_limits<std::int64_t>::min(),
                                           std::numeric_limits<std::int64_t>::max(),
                                           std::numeric_limits<std::uint64_t>::max(), -1, 0};
    for (const auto& id : ids)
        operations.push_back(client.start(id));
    CHECK(
        message_of<eap::duplicate_task_id>([&] { operations.push_back(client.start(UINT64_MAX)); }) ==
        "eap: the task id is that of a pending operation; use another id, or start again from its completion "
        "handler");
    CHECK(client.manager.pending() == ids.size());
    CHECK(client.manager.cancel(UINT64_MAX));
    CHECK(operations[2].cancellation_pending());
    CHECK_FALSE(operations[3].cancellation_pending());
}

TEST_CASE("F33: an operation is shared by as many reporters as there are", "[faults][F33]") {
    // References are counted in 30 bits, and each is held by an object of at least a pointer's size: it takes eight gigabytes
    // of reporters to wrap.
    tests::manual_queue queue;
    {
        tests::client client{queue.context()};
        auto operation = client.start();
        std::vector<eap::progress_reporter<>> reporters(100'000, operation.reporter());
        CHECK(reporters.back().report_progress(1));
        reporters.resize(1, reporters.front());
        CHECK(operation.complete());
        CHECK_FALSE(reporters.front().report_progress(2));
        queue.run_all();
        CHECK(client.log.all() == lines{"1%", "value"});
    }
}

namespace {

/// A task id that tells when and where the last copy of it dies.
struct mortal_id {
    struct end {
        int deaths = 0;
        std::thread::id where;
        bool handler_had_returned = false;
        bool has_handler_returned = false;
    };
    explicit mortal_id(end& e)
        : body(&e, [](end* last) {
              ++last->deaths;
              last->where = std::this_thread::get_id();
              last->handler_had_returned = last->has_handler_returned;
          }) {}
    bool operator==(const mortal_id&) const = default;
    std::shared_ptr<end> body;
};

} // namespace

template <> struct std::hash<mortal_id> {
    std::size_t operator()(const mortal_id& id) const noexcept {
        return std::hash<std::shared_ptr<mortal_id::end>>{}(id.body);
    }
};

TEST_CASE("F35: a user state dies once, after the last callback, at home", "[faults][F35]") {
    mortal_id::end end;
    tests::manual_queue queue;
    {
        eap::operation_manager manager{queue.context()};
        auto operation = std::make_optional(manager.create_operation<>(
            mortal_id{end}, [&](const eap::completed_event_args<>&) { end.has_handler_returned = true; }));
        std::thread{[&] {
            operation->complete();
            operation.reset();
        }}.join();
        CHECK(end.deaths == 0);
        queue.run_all();
    }
    CHECK(end.deaths == 1);
    CHECK(end.handler_had_returned);
    CHECK(end.where == std::this_thread::get_id());
}
