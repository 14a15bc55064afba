// SPDX-License-Identifier: BSL-1.0
#include <eap/delegate.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/allocations.hpp"
#include "support/client.hpp"
#include "support/contexts.hpp"
#include "support/death.hpp"
#include "support/functions.hpp"

#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/detail/parking.hpp>
#include <eap/errors.hpp>
#include <eap/scoped_context.hpp>
#include <eap/tracked.hpp>

#include <algorithm>
#include <any>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <latch>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

using tests::lines;

namespace {

struct target_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A queue where calls run, and a queue that is this thread's context, where their callbacks run.
struct two_places {
    tests::manual_queue where;
    tests::manual_queue home;
    eap::scoped_context current{home.context()};

    /// Runs the calls, then the callbacks.
    void run() {
        where.run_all();
        home.run_all();
    }
};

int twice(int value) { return 2 * value; }
int negated(int value) noexcept { return -value; }
int overloaded(int value) { return value + 1; }
std::string overloaded(const std::string& text) { return text + "!"; }

struct account {
    int balance = 0;
    int deposit(int amount) { return balance += amount; }
    int look() const { return balance; }
};

/// Throws when it is copied.
struct uncopyable_today {
    uncopyable_today() = default;
    uncopyable_today(const uncopyable_today&) { throw target_error{"no copies"}; }
    uncopyable_today(uncopyable_today&&) noexcept {}
};

} // namespace

// ---- what a delegate is made from ----

TEST_CASE("a delegate made from nothing is empty", "[delegate]") {
    const eap::delegate<int(int)> none;
    const eap::delegate<int(int)> null = nullptr;

    CHECK_FALSE(none);
    CHECK_FALSE(null);
    CHECK(none == null);
}

TEST_CASE("a delegate made from an empty function is empty", "[delegate]") {
    int (*const no_function)(int) = nullptr;
    int (*const no_function_of_long)(long) = nullptr;
    int (account::* const no_member)(int) = nullptr;

    CHECK_FALSE(eap::delegate<int(int)>{std::function<int(int)>{}});
    CHECK_FALSE(eap::delegate<int(int)>{no_function});
    CHECK_FALSE(eap::delegate<int(int)>{no_function_of_long});
    CHECK_FALSE(eap::delegate<int(account&, int)>{no_member});
}

TEST_CASE("a delegate made from an empty delegate of another signature is empty", "[delegate]") {
    CHECK_FALSE(eap::delegate<long(int)>{eap::delegate<int(int)>{}});
}

TEST_CASE("a delegate made from a function is not empty", "[delegate]") {
    CHECK(eap::delegate<int(int)>{twice});
    CHECK(eap::delegate<int(int)>{std::function<int(int)>{twice}});
    CHECK(eap::delegate<int(int)>{[](int value) { return value; }});
}

TEST_CASE("a delegate takes a function, a functor, a member function, another delegate", "[delegate][DG-1]") {
    const eap::delegate<int(int)> function{twice};
    const eap::delegate<int(int)> functor{std::negate<int>{}};
    const eap::delegate<int(account&, int)> member{&account::deposit};
    const eap::delegate<int(const account&)> const_member{&account::look};
    const eap::delegate<int(account)> data_member{&account::balance};
    const eap::delegate<long(int)> delegate{function};
    account mine{10};

    CHECK(function(4) == 8);
    CHECK(functor(4) == -4);
    CHECK(member(mine, 4) == 14);
    CHECK(const_member(mine) == 14);
    CHECK(data_member(mine) == 14);
    CHECK(delegate(4) == 8);
}

TEST_CASE("of overloaded functions a delegate takes the one of its signature", "[delegate]") {
    const eap::delegate<int(int)> of_numbers{overloaded};
    const eap::delegate<std::string(const std::string&)> of_texts{overloaded};

    CHECK(of_numbers(1) == 2);
    CHECK(of_texts("one") == "one!");
}

TEST_CASE("a delegate takes overloaded and generic call operators", "[delegate]") {
    struct overloads {
        int operator()(int) const { return 1; }
        int operator()(const std::string&) const { return 2; }
    };
    const eap::delegate<int(std::string)> overload{overloads{}};
    const eap::delegate<int(int)> generic{[](auto value) { return static_cast<int>(sizeof(value)); }};
    const eap::delegate<std::size_t(int, char)> variadic{[](auto&&... all) { return sizeof...(all); }};

    CHECK(overload("text") == 2);
    CHECK(generic(0) == static_cast<int>(sizeof(int)));
    CHECK(variadic(1, 'c') == 2);
}

TEST_CASE("a delegate takes a mutable target, which keeps what it changes", "[delegate]") {
    const eap::delegate<int()> counter{[count = 0]() mutable { return ++count; }};
    const auto same = counter;

    CHECK(counter() == 1);
    CHECK(same() == 2);
}

TEST_CASE("a delegate takes a move-only target", "[delegate]") {
    const eap::delegate<int()> owner{[owned = std::make_unique<int>(7)] { return *owned; }};

    CHECK(owner() == 7);
}

TEST_CASE("a target may return what can be converted to the result, or anything when there is none",
          "[delegate]") {
    const eap::delegate<std::string()> text{[] { return "text"; }};
    int calls = 0;
    const eap::delegate<void()> nothing{[&] { return ++calls; }};
    nothing();

    CHECK(text() == "text");
    CHECK(calls == 1);
}

TEST_CASE("the type of a delegate follows from what it is made from", "[delegate]") {
    const eap::delegate function{&twice};
    const eap::delegate never_throws{&negated};
    const eap::delegate lambda{[](int&, const std::string&) { return 1.5; }};
    const eap::delegate mutable_lambda{[count = 0](int) mutable { return ++count; }};
    const eap::delegate copy{function};
    const eap::delegate standard{std::function<void(int&)>{}};

    STATIC_REQUIRE(std::is_same_v<decltype(function), const eap::delegate<int(int)>>);
    STATIC_REQUIRE(std::is_same_v<decltype(never_throws), const eap::delegate<int(int)>>);
    STATIC_REQUIRE(std::is_same_v<decltype(lambda), const eap::delegate<double(int&, const std::string&)>>);
    STATIC_REQUIRE(std::is_same_v<decltype(mutable_lambda), const eap::delegate<int(int)>>);
    STATIC_REQUIRE(std::is_same_v<decltype(copy), const eap::delegate<int(int)>>);
    STATIC_REQUIRE(std::is_same_v<decltype(standard), const eap::delegate<void(int&)>>);
    CHECK(function(2) == 4);
    CHECK(copy == function);
}

TEST_CASE("a leading stop token is not part of the type that follows", "[delegate]") {
    const eap::delegate by_value{[](std::stop_token, int value) { return value; }};

    STATIC_REQUIRE(std::is_same_v<decltype(by_value), const eap::delegate<int(int)>>);
    CHECK(by_value(7) == 7);
}

TEST_CASE("a delegate may refer to a target that is the caller's", "[delegate]") {
    int calls = 0;
    const auto counter = [&] { return ++calls; };
    const eap::delegate<int()> refers{std::ref(counter)};
    refers();

    CHECK(calls == 1);
}

TEST_CASE("a stop token that belongs to the signature is an argument like any other", "[delegate]") {
    tests::manual_queue where;
    std::stop_source source;
    source.request_stop();
    const auto there = eap::delegate<bool(std::stop_token)>{[](const std::stop_token& stop) {
                           return stop.stop_requested();
                       }}.on(where.context());
    const auto call = there.begin_invoke(source.get_token());
    where.run_all();

    CHECK(there.invoke(source.get_token()));
    CHECK(call.end_invoke());
}

// ---- which delegate it is ----

TEST_CASE("a copy is the same delegate", "[delegate]") {
    const eap::delegate<int(int)> original{twice};
    const auto copy = original;
    eap::delegate<int(int)> assigned;
    assigned = copy;

    CHECK(copy == original);
    CHECK(assigned == original);
}

TEST_CASE("a delegate of an equal function is another delegate", "[delegate][DG-8]") {
    const eap::delegate<int(int)> one{twice};
    const eap::delegate<int(int)> other{twice};

    CHECK(one != other);
}

TEST_CASE("a delegate told where its calls run is the same delegate", "[delegate]") {
    const tests::manual_queue where;
    const eap::delegate<int(int)> original{twice};

    CHECK(original.on(where.context()) == original);
}

TEST_CASE("delegates can be keys: the same delegate has the same hash", "[delegate]") {
    const tests::manual_queue where;
    const eap::delegate<int(int)> original{twice};
    std::unordered_set<eap::delegate<int(int)>> known{original};

    CHECK(known.contains(original.on(where.context())));
    CHECK_FALSE(known.contains(eap::delegate<int(int)>{twice}));
    CHECK_FALSE(known.contains(nullptr));
}

TEST_CASE("the copies of a delegate share one target, which dies with the last of them", "[delegate][G14]") {
    auto held = std::make_shared<int>(7);
    const std::weak_ptr<int> watched = held;
    std::optional<eap::delegate<int()>> original{[held = std::move(held)] { return *held; }};
    auto copy = std::make_optional(*original);
    CHECK(watched.use_count() == 1);
    original.reset();
    CHECK((*copy)() == 7);
    copy.reset();

    CHECK(watched.expired());
}

// ---- calling it here ----

TEST_CASE("invoke runs the target on the calling thread", "[delegate][DG-1][A2]") {
    std::thread::id ran_on;
    const eap::delegate<void()> here{[&] { ran_on = std::this_thread::get_id(); }};
    here.invoke();
    CHECK(ran_on == std::this_thread::get_id());

    ran_on = {};
    here();
    CHECK(ran_on == std::this_thread::get_id());
}

TEST_CASE("invoke stays on the calling thread when the delegate was told where its calls run",
          "[delegate][DG-1]") {
    tests::manual_queue where;
    const auto there = eap::delegate<int(int)>{twice}.on(where.context());

    CHECK(there.invoke(4) == 8);
    CHECK(where.size() == 0);
}

TEST_CASE("invoke passes the caller's own variables, and aliases them", "[delegate][DG-16]") {
    const eap::delegate<const int*(int&, int&, const int&)> write{[](int& first, int& second, const int& in) {
        first = 1;
        second = 7;
        return &in;
    }};
    int variable = 0;
    const int input = 3;

    CHECK(write.invoke(variable, variable, input) == &input);
    CHECK(variable == 7);
}

TEST_CASE("invoke moves what can only be moved", "[delegate]") {
    const eap::delegate<std::unique_ptr<int>(std::unique_ptr<int>)> pass{
        [](std::unique_ptr<int> owned) { return owned; }};

    CHECK(*pass.invoke(std::make_unique<int>(7)) == 7);
    CHECK(*pass(std::make_unique<int>(8)) == 8);
}

TEST_CASE("invoke throws what the target throws", "[delegate]") {
    const eap::delegate<void()> fails{[] { throw target_error{"why"}; }};

    CHECK_THROWS_AS(fails.invoke(), target_error);
    CHECK_THROWS_AS(fails(), target_error);
}

TEST_CASE("called here, a target that takes a stop token gets one that nobody can ask to stop",
          "[delegate]") {
    bool possible = true;
    const eap::delegate<int(int)> stoppable{[&](const std::stop_token& stop, int value) {
        possible = stop.stop_possible();
        return value;
    }};

    CHECK(stoppable(7) == 7);
    CHECK_FALSE(possible);
}

TEST_CASE("invoke of an empty delegate throws bad_function_call", "[delegate][DG-12]") {
    const eap::delegate<int(int)> none;

    CHECK_THROWS_AS(none.invoke(1), std::bad_function_call);
    CHECK_THROWS_AS(none(1), std::bad_function_call);
}

// ---- where a call runs ----

TEST_CASE("begin_invoke returns before the target has run", "[delegate][DG-2][A3]") {
    two_places at;
    bool ran = false;
    const auto call = eap::delegate<void()>{[&] { ran = true; }}.on(at.where.context()).begin_invoke();
    CHECK_FALSE(ran);
    CHECK_FALSE(call.is_completed());
    at.run();

    CHECK(ran);
    CHECK(call.is_completed());
}

TEST_CASE("the caller goes on while the target runs", "[delegate][DG-2][A5]") {
    eap::detail::parking<> begun;
    eap::detail::parking<> caller_went_on;
    const auto call = eap::delegate<int()>{[&] {
                          begun.set();
                          caller_went_on.wait();
                          return 7;
                      }}.begin_invoke();
    begun.wait();
    CHECK_FALSE(call.is_completed());
    caller_went_on.set();

    CHECK(call.end_invoke() == 7);
}

TEST_CASE("a call runs on the shared pool, where it has no current context", "[delegate][DG-3][A4]") {
    bool on_shared_pool = false;
    bool has_context = true;
    const eap::delegate<void()> look{[&] {
        on_shared_pool = eap::thread_pool::shared().running_in_this_thread();
        has_context = eap::scoped_context::current() != nullptr;
    }};
    look.begin_invoke().end_invoke();

    CHECK(on_shared_pool);
    CHECK_FALSE(has_context);
}

TEST_CASE("a call runs on the shared pool also when the caller has a context", "[delegate][DG-3]") {
    tests::manual_queue home;
    const eap::scoped_context current{home.context()};
    bool on_shared_pool = false;
    eap::delegate<void()>{[&] { on_shared_pool = eap::thread_pool::shared().running_in_this_thread(); }}
        .begin_invoke()
        .end_invoke();

    CHECK(on_shared_pool);
    CHECK(home.size() == 0);
}

TEST_CASE("a call runs where its delegate was told to, which is its current context", "[delegate]") {
    eap::thread_pool pool{1};
    bool on_pool = false;
    bool is_current = false;
    eap::delegate<void()>{[&] {
        on_pool = pool.context().running_in_this_thread();
        const auto* current = eap::scoped_context::current();
        is_current = current != nullptr && *current == eap::any_synchronization_context{pool.context()};
    }}.on(pool.context())
        .begin_invoke()
        .end_invoke();

    CHECK(on_pool);
    CHECK(is_current);
}

TEST_CASE("telling a delegate where its calls run leaves the delegate itself as it was", "[delegate]") {
    tests::manual_queue where;
    const eap::delegate<void()> original{[] {}};
    const auto there = original.on(where.context());
    original.begin_invoke().end_invoke();

    CHECK(where.size() == 0);
    const auto call = there.begin_invoke();
    CHECK(where.size() == 1);
}

TEST_CASE("the last word on where calls run counts", "[delegate]") {
    tests::manual_queue first;
    tests::manual_queue second;
    const auto call = eap::delegate<void()>{[] {}}.on(first.context()).on(second.context()).begin_invoke();

    CHECK(first.size() == 0);
    CHECK(second.size() == 1);
}

TEST_CASE("a context that names no place is refused, and the message says what to do", "[delegate]") {
    const eap::delegate<void()> target{[] {}};

    CHECK_THROWS_AS(target.on({}), std::invalid_argument);
    CHECK_THROWS_WITH(target.on({}), Catch::Matchers::Contains("give it one"));
}

TEST_CASE("a context that runs inline runs the call inside begin_invoke, and its callback comes home later",
          "[delegate]") {
    tests::manual_queue home;
    const eap::scoped_context current{home.context()};
    bool called_back = false;
    const auto call =
        eap::delegate<int(int)>{twice}.on(tests::inline_context{}).begin_invoke(4, [&](const auto&) {
            called_back = true;
        });
    CHECK(call.is_completed());
    CHECK_FALSE(call.completed_synchronously());
    CHECK_FALSE(called_back);
    home.run_all();

    CHECK(called_back);
    CHECK(call.end_invoke() == 8);
}

TEST_CASE("a context that runs a call twice runs it once", "[delegate][G1]") {
    tests::manual_queue home;
    const eap::scoped_context current{home.context()};
    int runs = 0;
    int callbacks = 0;
    const auto call = eap::delegate<int()>{[&] { return ++runs; }}
                          .on(tests::scripted_context{[](const std::function<void()>& function) {
                              function();
                              function();
                          }})
                          .begin_invoke([&](const auto&) { ++callbacks; });
    home.run_all();

    CHECK(call.end_invoke() == 1);
    CHECK(runs == 1);
    CHECK(callbacks == 1);
}

TEST_CASE("a context may run a call on another thread before its post returns", "[delegate]") {
    const auto call = eap::delegate<int(int)>{twice}
                          .on(tests::scripted_context{[](std::function<void()> function) {
                              std::thread{std::move(function)}.join();
                          }})
                          .begin_invoke(4);

    CHECK(call.is_completed());
    CHECK(call.end_invoke() == 8);
}

TEST_CASE("a home that runs inline runs the callback where the call completes", "[delegate][CB-3]") {
    tests::manual_queue where;
    const eap::scoped_context current{tests::inline_context{}};
    int callbacks = 0;
    const auto call =
        eap::delegate<int(int)>{twice}.on(where.context()).begin_invoke(4, [&](const auto&) { ++callbacks; });
    CHECK(callbacks == 0);
    where.run_all();

    CHECK(callbacks == 1);
    CHECK(call.end_invoke() == 8);
}

TEST_CASE("a target may destroy the delegate that it belongs to", "[delegate][G12]") {
    tests::manual_queue where;
    std::optional<eap::delegate<int()>> target;
    target.emplace([&, owned = std::make_unique<int>(7)] {
        target.reset();
        return *owned;
    });
    const auto call = target->on(where.context()).begin_invoke();
    where.run_all();

    CHECK_FALSE(target.has_value());
    CHECK(call.end_invoke() == 7);
}

// ---- in parameters ----

TEST_CASE("arguments are copied at begin", "[delegate][DG-13]") {
    two_places at;
    const auto there = eap::delegate<std::string(std::string, const std::string&)>{
        [](const std::string& by_value, const std::string& by_reference) {
            return by_value + by_reference;
        }}.on(at.where.context());
    std::string one = "one";
    std::string two = "two";
    const auto call = there.begin_invoke(one, two);
    one = "changed";
    two = "changed";
    at.run();

    CHECK(call.end_invoke() == "onetwo");
    CHECK(one == "changed");
}

TEST_CASE("what an argument refers to is shared", "[delegate][DG-13]") {
    two_places at;
    const auto there = eap::delegate<int(int*, std::reference_wrapper<int>)>{
        [](int* pointer, std::reference_wrapper<int> reference) {
            return *pointer + reference.get();
        }}.on(at.where.context());
    int variable = 1;
    const auto call = there.begin_invoke(&variable, variable);
    variable = 5;
    at.run();

    CHECK(call.end_invoke() == 10);
}

TEST_CASE("a parameter by reference to const is the call's own copy", "[delegate][DG-13]") {
    two_places at;
    const int variable = 1;
    const auto call = eap::delegate<bool(const int&)>{[&](const int& value) { return &value == &variable; }}
                          .on(at.where.context())
                          .begin_invoke(variable);
    at.run();

    CHECK_FALSE(call.end_invoke());
}

TEST_CASE("what the caller destroys after begin is not missed", "[delegate][DG-13][LF-6]") {
    two_places at;
    std::optional<eap::async_call<std::string(std::string&, const std::string&, std::string&&)>> call;
    {
        auto state = std::make_unique<std::string>("kept by the target, long enough to be allocated");
        auto first = std::make_unique<std::string>("an argument, long enough to be allocated");
        const auto second = std::make_unique<std::string>("another argument, as long as that");
        auto target =
            std::make_unique<eap::delegate<std::string(std::string&, const std::string&, std::string&&)>>(
                [state = *state](std::string& in_out, const std::string& in, std::string&& moved) {
                    in_out += in;
                    return state + moved;
                });
        auto where = std::make_unique<eap::any_synchronization_context>(at.where.context());
        call = target->on(*where).begin_invoke(*first, *second, "moved");
    }
    at.run();
    std::string out;

    CHECK(call->end_invoke(out) == "kept by the target, long enough to be allocatedmoved");
    CHECK(out == "an argument, long enough to be allocatedanother argument, as long as that");
}

TEST_CASE("an argument that can only be moved is moved in, and its target may move it on",
          "[delegate][DG-13]") {
    two_places at;
    const auto by_value =
        eap::delegate<std::unique_ptr<int>(std::unique_ptr<int>)>{[](std::unique_ptr<int> owned) {
            return owned;
        }}.on(at.where.context());
    const auto by_rvalue =
        eap::delegate<std::unique_ptr<int>(std::unique_ptr<int>&&)>{[](std::unique_ptr<int>&& owned) {
            return std::move(owned);
        }}.on(at.where.context());
    const auto by_const_reference =
        eap::delegate<int(const std::unique_ptr<int>&)>{[](const std::unique_ptr<int>& owned) {
            return *owned;
        }}.on(at.where.context());
    auto mine = std::make_unique<int>(8);
    const auto first = by_value.begin_invoke(std::make_unique<int>(7));
    const auto second = by_rvalue.begin_invoke(std::move(mine));
    const auto third = by_const_reference.begin_invoke(std::make_unique<int>(9));
    at.run();

    CHECK(*first.end_invoke() == 7);
    CHECK(*second.end_invoke() == 8);
    CHECK(third.end_invoke() == 9);
}

TEST_CASE("a parameter by value or rvalue reference is given the argument to keep", "[delegate]") {
    two_places at;
    auto by_value = std::make_shared<int>(1);
    auto by_rvalue = std::make_shared<int>(2);
    std::vector<std::shared_ptr<int>> kept;
    const auto call =
        eap::delegate<void(std::shared_ptr<int>, std::shared_ptr<int>&&)>{[&](std::shared_ptr<int> value,
                                                                              std::shared_ptr<int>&& rvalue) {
            kept.push_back(std::move(value));
            kept.push_back(std::move(rvalue));
        }}.on(at.where.context())
            .begin_invoke(std::move(by_value), std::move(by_rvalue));
    at.run();

    REQUIRE(kept.size() == 2);
    CHECK(kept[0].use_count() == 1);
    CHECK(kept[1].use_count() == 1);
}

TEST_CASE("arguments convert to the types of the parameters at begin", "[delegate]") {
    two_places at;
    const auto there =
        eap::delegate<std::string(std::string, const std::string&)>{std::plus<std::string>{}}.on(
            at.where.context());
    char text[] = "one";
    const auto call = there.begin_invoke(text, std::string_view{"two"}.data());
    text[0] = 'X';
    at.run();

    CHECK(call.end_invoke() == "onetwo");
}

TEST_CASE("an argument that throws when it is copied begins nothing", "[delegate][DG-19][G9]") {
    two_places at;
    int runs = 0;
    int callbacks = 0;
    const auto there = eap::delegate<void(uncopyable_today)>{[&](const uncopyable_today&) { ++runs; }}.on(
        at.where.context());
    const uncopyable_today argument;

    CHECK_THROWS_AS(there.begin_invoke(argument, [&](const auto&) { ++callbacks; }), target_error);
    CHECK(at.where.size() == 0);
    at.run();
    CHECK(runs == 0);
    CHECK(callbacks == 0);
}

TEST_CASE("a callback that throws when it is copied begins nothing", "[delegate][DG-19][G9]") {
    two_places at;
    struct callback : uncopyable_today {
        void operator()(const eap::async_call<void()>&) const {}
    };
    int runs = 0;
    const auto there = eap::delegate<void()>{[&] { ++runs; }}.on(at.where.context());
    const callback back;

    CHECK_THROWS_AS(there.begin_invoke(back), target_error);
    at.run();
    CHECK(runs == 0);
}

TEST_CASE("arguments and results of types that can be made from anything arrive as they are",
          "[delegate][DG-13]") {
    two_places at;
    const auto number_in = [](const std::any& value) { return std::any_cast<int>(value); };
    const auto by_delegate =
        eap::delegate<int(std::any)>{number_in}.on(at.where.context()).begin_invoke(std::any{7});
    const auto by_function = eap::begin_invoke(at.where.context(), number_in, std::any{7});
    const auto in_tuple = eap::delegate<int(std::tuple<std::any>)>{[&](const std::tuple<std::any>& value) {
                              return number_in(std::get<0>(value));
                          }}.on(at.where.context())
                              .begin_invoke(std::tuple<std::any>{std::any{7}});
    const auto result = eap::delegate<std::any()>{[] { return 7; }}.on(at.where.context()).begin_invoke();
    at.run();

    CHECK(by_delegate.end_invoke() == 7);
    CHECK(by_function.end_invoke() == 7);
    CHECK(in_tuple.end_invoke() == 7);
    CHECK(number_in(result.end_invoke()) == 7);
}

TEST_CASE("whichever copy or move of an argument or callback throws, begin_invoke begins nothing",
          "[delegate][DG-19][G9]") {
    struct fused { // its n-th copy or move throws
        int* left;
        std::shared_ptr<int> held;
        fused(int& n, std::shared_ptr<int> h) : left(&n), held(std::move(h)) {}
        fused(const fused& other) : left(other.left), held(other.held) { burn(); }
        fused(fused&& other) : left(other.left), held(other.held) { burn(); }
        fused& operator=(const fused&) = default;
        void operator()(const eap::async_call<void(fused, const fused&, fused&)>&) const {}
        void burn() const {
            if (*left != 0 && --*left == 0)
                throw target_error{"burnt"};
        }
    };
    int failures = 0;
    bool begun = false;
    for (int number = 1; !begun && number < 1000; ++number) {
        two_places at;
        const auto held = std::make_shared<int>();
        int runs = 0;
        int left = 0;
        const fused argument{left, held};
        const auto there =
            eap::delegate<void(fused, const fused&, fused&)>{[&](const fused&, const fused&, fused&) {
                ++runs;
            }}.on(at.where.context());
        left = number;
        try {
            there.begin_invoke(argument, argument, argument, argument);
            begun = true;
        } catch (const target_error&) {
            ++failures;
        }
        left = 0;
        if (!begun && (at.where.size() != 0 || at.home.size() != 0 || held.use_count() != 2))
            FAIL("the failure of number " << number << " left something");
        at.run();
        if (runs != (begun ? 1 : 0))
            FAIL("the failure of number " << number << " ran the target");
    }

    CHECK(begun);
    CHECK(failures >= 4); // each has to be copied
}

TEST_CASE("arguments, results and closures may want more than the usual alignment",
          "[delegate][begin_invoke]") {
    struct alignas(64) wide {
        int value = 0;
        bool is_aligned() const { return reinterpret_cast<std::uintptr_t>(this) % alignof(wide) == 0; }
    };
    eap::event_loop home;
    const eap::scoped_context current{home.context()};
    const wide captured{1};
    std::vector<bool> aligned;
    const auto note = [&, captured](const auto&) { aligned.push_back(captured.is_aligned()); };
    const auto call = eap::delegate<void()>{[note] { note(0); }}.on(home.context()).begin_invoke(note);
    const auto free = eap::begin_invoke(
        home.context(),
        [note](const wide& in) {
            note(0);
            note(in.value);
            return wide{in.is_aligned() ? 7 : 0};
        },
        wide{1});
    home.run();

    CHECK(free.end_invoke().value == 7);
    CHECK(aligned == std::vector<bool>(4, true));
}

// ---- in/out parameters ----

TEST_CASE("the variable of an in/out parameter is read at begin and not written, not even at completion",
          "[delegate][DG-14]") {
    two_places at;
    const auto there =
        eap::delegate<int(int&)>{[](int& value) { return std::exchange(value, 7); }}.on(at.where.context());
    int variable = 1;
    const auto call = there.begin_invoke(variable);
    variable = 2;
    at.run();

    CHECK(call.is_completed());
    CHECK(variable == 2);
    CHECK(there.end_invoke(variable, call) == 1);
}

TEST_CASE("end_invoke writes back what in/out parameters have become", "[delegate][DG-15][A7]") {
    two_places at;
    const auto there =
        eap::delegate<void(int&, double, std::string&)>{[](int& number, double, std::string& text) {
            ++number;
            text += "!";
        }}.on(at.where.context());
    int number = 1;
    std::string text = "one";
    const auto call = there.begin_invoke(number, 0.5, text);
    at.run();
    there.end_invoke(number, text, call);

    CHECK(number == 2);
    CHECK(text == "one!");
}

TEST_CASE("the variables given to end_invoke may be others than those given to begin_invoke",
          "[delegate][DG-15]") {
    two_places at;
    const auto there = eap::delegate<void(int&)>{[](int& value) { ++value; }}.on(at.where.context());
    int in = 1;
    int out = 0;
    const auto call = there.begin_invoke(in);
    at.run();
    there.end_invoke(out, call);

    CHECK(in == 1);
    CHECK(out == 2);
}

TEST_CASE("an in/out parameter may be given a value at begin", "[delegate][DG-14]") {
    two_places at;
    const auto there = eap::delegate<void(int&)>{[](int& value) { ++value; }}.on(at.where.context());
    int out = 0;
    const auto call = there.begin_invoke(4);
    at.run();
    there.end_invoke(out, call);

    CHECK(out == 5);
}

TEST_CASE("one variable given for two in/out parameters is two values", "[delegate][DG-16]") {
    two_places at;
    const auto there = eap::delegate<void(int&, int&)>{[](int& first, int& second) {
                           first = 1;
                           second = 7;
                       }}.on(at.where.context());
    int variable = 0;
    int first = 0;
    int second = 0;
    const auto call = there.begin_invoke(variable, variable);
    at.run();
    there.end_invoke(first, second, call);

    CHECK(first == 1);
    CHECK(second == 7);
}

TEST_CASE("one variable given twice to end_invoke gets the last parameter's value", "[delegate][DG-16]") {
    two_places at;
    const auto there = eap::delegate<void(int&, int&)>{[](int& first, int& second) {
                           first = 1;
                           second = 7;
                       }}.on(at.where.context());
    int variable = 0;
    const auto call = there.begin_invoke(variable, variable);
    at.run();
    there.end_invoke(variable, variable, call);

    CHECK(variable == 7);
}

TEST_CASE("a failed call leaves the variables of its in/out parameters untouched", "[delegate][DG-17]") {
    two_places at;
    const auto there = eap::delegate<void(int&, std::string&)>{[](int& number, std::string& text) {
                           number = 7;
                           text = "changed";
                           throw target_error{"why"};
                       }}.on(at.where.context());
    int number = 1;
    std::string text = "one";
    const auto call = there.begin_invoke(number, text);
    at.run();

    CHECK_THROWS_AS(there.end_invoke(number, text, call), target_error);
    CHECK(number == 1);
    CHECK(text == "one");
}

TEST_CASE("a cancelled call leaves the variables of its in/out parameters untouched", "[delegate][DG-17]") {
    two_places at;
    const auto there = eap::delegate<void(int&)>{[](int& number) {
                           number = 7;
                           throw eap::operation_cancelled{};
                       }}.on(at.where.context());
    int number = 1;
    const auto call = there.begin_invoke(number);
    at.run();

    CHECK_THROWS_AS(there.end_invoke(number, call), eap::operation_cancelled);
    CHECK(number == 1);
}

TEST_CASE("an in/out parameter may be what can only be moved", "[delegate][DG-15]") {
    two_places at;
    const auto there = eap::delegate<void(std::unique_ptr<int>&)>{[](std::unique_ptr<int>& owned) {
                           owned = std::make_unique<int>(*owned + 1);
                       }}.on(at.where.context());
    const auto call = there.begin_invoke(std::make_unique<int>(1));
    at.run();
    std::unique_ptr<int> out;
    there.end_invoke(out, call);

    REQUIRE(out != nullptr);
    CHECK(*out == 2);
}

TEST_CASE("the object of a member function can be an in/out parameter", "[delegate][DG-15]") {
    two_places at;
    const auto there = eap::delegate<int(account&, int)>{&account::deposit}.on(at.where.context());
    account mine{10};
    const auto call = there.begin_invoke(mine, 4);
    at.run();
    CHECK(mine.balance == 10);

    CHECK(there.end_invoke(mine, call) == 14);
    CHECK(mine.balance == 14);
}

TEST_CASE("a result may refer to an object of the target's, while in/out parameters come back beside it",
          "[delegate][DG-15]") {
    two_places at;
    int object = 3;
    const auto there = eap::delegate<int&(int&)>{[&](int& value) -> int& {
                           value += object;
                           return object;
                       }}.on(at.where.context());
    int variable = 1;
    const auto call = there.begin_invoke(variable);
    at.run();

    CHECK(&there.end_invoke(variable, call) == &object);
    CHECK(variable == 4);
}

TEST_CASE("a result that refers to the call's own copy of an argument is good while a handle lives",
          "[delegate]") {
    two_places at;
    const auto there = eap::delegate<const std::string&(const std::string&)>{
        [](const std::string& in) -> const std::string& {
            return in;
        }}.on(at.where.context());
    const auto call = there.begin_invoke("text that is long enough to be allocated, as most text is");
    at.run();
    const std::string& result = there.end_invoke(call);

    CHECK(result == "text that is long enough to be allocated, as most text is");
}

// ---- results ----

TEST_CASE("end_invoke returns the value, whether the call is complete or not", "[delegate][DG-4][DG-5][A8]") {
    const eap::delegate<int(int)> target{twice};
    const auto unfinished = target.begin_invoke(4); // perhaps
    CHECK(target.end_invoke(unfinished) == 8);

    const auto finished = target.begin_invoke(5);
    finished.wait();
    CHECK(target.end_invoke(finished) == 10);
}

TEST_CASE("end_invoke waits for a call that is running", "[delegate][DG-4]") {
    eap::detail::parking<> begun;
    eap::detail::parking<> go;
    const eap::delegate<int()> target{[&] {
        begun.set();
        go.wait();
        return 7;
    }};
    const auto call = target.begin_invoke();
    begun.wait();
    int value = 0;
    std::thread ending{[&] { value = target.end_invoke(call); }};
    while (!call.end_invoke_called())
        std::this_thread::yield();
    CHECK_FALSE(call.is_completed());
    go.set();
    ending.join();

    CHECK(value == 7);
}

TEST_CASE("delegates without a result work alike", "[delegate][DG-20]") {
    two_places at;
    int runs = 0;
    const auto there = eap::delegate<void()>{[&] { ++runs; }}.on(at.where.context());
    const auto call = there.begin_invoke();
    at.run();
    there.end_invoke(call);

    STATIC_REQUIRE(std::is_void_v<decltype(there.end_invoke(call))>);
    CHECK(runs == 1);
}

TEST_CASE("a result may be what can only be moved", "[delegate][DG-4]") {
    two_places at;
    const auto there =
        eap::delegate<std::unique_ptr<int>()>{[] { return std::make_unique<int>(7); }}.on(at.where.context());
    const auto call = there.begin_invoke();
    at.run();

    CHECK(*there.end_invoke(call) == 7);
}

TEST_CASE("a result may be a reference, to const or not", "[delegate][DG-4]") {
    two_places at;
    int object = 0;
    const auto plain = eap::delegate<int&()>{[&]() -> int& { return object; }}.on(at.where.context());
    const auto constant =
        eap::delegate<const int&()>{[&]() -> const int& { return object; }}.on(at.where.context());
    const auto first = plain.begin_invoke();
    const auto second = constant.begin_invoke();
    at.run();

    STATIC_REQUIRE(std::is_same_v<decltype(plain.end_invoke(first)), int&>);
    STATIC_REQUIRE(std::is_same_v<decltype(constant.end_invoke(second)), const int&>);
    CHECK(&plain.end_invoke(first) == &object);
    CHECK(&constant.end_invoke(second) == &object);
}

TEST_CASE("a result may lack a default constructor and assignment", "[delegate][DG-4]") {
    struct fixed {
        explicit fixed(int v) : value(v) {}
        const int value;
    };
    two_places at;
    const auto call = eap::delegate<fixed()>{[] { return fixed{7}; }}.on(at.where.context()).begin_invoke();
    at.run();

    CHECK(call.end_invoke().value == 7);
}

TEST_CASE("a result may be an exception or the tag of cancellation, which is then no error",
          "[delegate][DG-4][G6]") {
    two_places at;
    const auto error = eap::delegate<std::exception_ptr()>{[] {
                           return std::make_exception_ptr(target_error{"why"});
                       }}.on(at.where.context())
                           .begin_invoke();
    const auto tag = eap::delegate<eap::cancelled_t()>{[] { return eap::cancelled; }}
                         .on(at.where.context())
                         .begin_invoke();
    at.run();

    CHECK_THROWS_AS(std::rethrow_exception(error.end_invoke()), target_error);
    CHECK_FALSE(tag.try_end_invoke().cancelled());
}

TEST_CASE("the target's exception is thrown by end_invoke, the very object", "[delegate][EX-1][O-23]") {
    two_places at;
    const target_error* thrown = nullptr;
    const auto there = eap::delegate<int()>{[&]() -> int {
                           try {
                               throw target_error{"why"};
                           } catch (const target_error& error) {
                               thrown = &error;
                               throw;
                           }
                       }}.on(at.where.context());
    const auto call = there.begin_invoke();
    CHECK_NOTHROW(at.run());
    const target_error* caught = nullptr;
    try {
        there.end_invoke(call);
    } catch (const target_error& error) {
        caught = &error;
    }

    CHECK(thrown != nullptr);
    CHECK(caught == thrown);
}

TEST_CASE("a target may throw what is no std::exception", "[delegate][EX-1]") {
    two_places at;
    const auto call = eap::delegate<void()>{[] { throw 7; }}.on(at.where.context()).begin_invoke();
    CHECK_NOTHROW(at.run());

    CHECK_THROWS_AS(call.end_invoke(), int);
}

TEST_CASE("a result that throws when it is made is the call's error", "[delegate][EX-1]") {
    struct unmakeable {
        unmakeable() = default;
        unmakeable(unmakeable&&) { throw target_error{"no moves"}; }
    };
    two_places at;
    unmakeable original;
    const auto call = eap::delegate<unmakeable()>{[&]() -> unmakeable { return std::move(original); }}
                          .on(at.where.context())
                          .begin_invoke();
    CHECK_NOTHROW(at.run());

    CHECK(call.is_completed());
    CHECK_THROWS_AS(call.end_invoke(), target_error);
}

TEST_CASE("any number of calls of one delegate may be outstanding, and end in any order",
          "[delegate][DG-18]") {
    two_places at;
    const auto there = eap::delegate<int(int)>{twice}.on(at.where.context());
    std::vector<eap::async_call<int(int)>> calls;
    for (int i = 0; i < 10; ++i)
        calls.push_back(there.begin_invoke(i));
    at.run();

    for (int i = 9; i >= 0; --i)
        CHECK(there.end_invoke(calls[static_cast<std::size_t>(i)]) == 2 * i);
}

TEST_CASE("calls of one delegate run at the same time", "[delegate][DG-18]") {
    std::latch both{2};
    const eap::delegate<void()> meet{[&] { both.arrive_and_wait(); }};
    eap::thread_pool pool{2};
    const auto there = meet.on(pool.context());
    const auto first = there.begin_invoke();
    const auto second = there.begin_invoke();
    first.end_invoke();
    second.end_invoke();
    SUCCEED("each waited for the other inside the target");
}

// ---- ending with the right delegate ----

TEST_CASE("a call ends with a copy of its delegate, wherever that runs its calls", "[delegate][DG-8]") {
    two_places at;
    const eap::delegate<int(int)> original{twice};
    const auto there = original.on(at.where.context());
    const auto copy = original;
    const auto first = there.begin_invoke(1);
    const auto second = there.begin_invoke(2);
    const auto third = there.begin_invoke(3);
    at.run();

    CHECK(original.end_invoke(first) == 2);
    CHECK(copy.end_invoke(second) == 4);
    CHECK(there.on(at.home.context()).end_invoke(third) == 6);
}

TEST_CASE("a delegate assigned from another one ends the calls of that one", "[delegate][DG-8]") {
    two_places at;
    eap::delegate<int(int)> variable{twice};
    const auto other = eap::delegate<int(int)>{negated}.on(at.where.context());
    const auto of_first = variable.on(at.where.context()).begin_invoke(1);
    const auto of_other = other.begin_invoke(2);
    at.run();
    variable = other;

    CHECK(variable.end_invoke(of_other) == -2);
    CHECK_THROWS_AS(variable.end_invoke(of_first), eap::invalid_operation);
}

TEST_CASE("ending a call with another delegate throws, and consumes nothing", "[delegate][DG-8][DG-10]") {
    two_places at;
    const auto mine = eap::delegate<int(int)>{twice}.on(at.where.context());
    const eap::delegate<int(int)> equal{twice};
    const auto call = mine.begin_invoke(4);
    CHECK_THROWS_AS(equal.end_invoke(call), eap::invalid_operation); // and does not wait
    CHECK_FALSE(call.end_invoke_called());
    at.run();

    CHECK_THROWS_AS(equal.end_invoke(call), eap::invalid_operation);
    CHECK_THROWS_WITH(equal.end_invoke(call), Catch::Matchers::Contains("another delegate"));
    CHECK(mine.end_invoke(call) == 8);
}

TEST_CASE("ending with another delegate leaves the variables of in/out parameters untouched",
          "[delegate][DG-8][DG-17]") {
    two_places at;
    const auto mine = eap::delegate<void(int&)>{[](int& value) { ++value; }}.on(at.where.context());
    const eap::delegate<void(int&)> other{[](int&) {}};
    int variable = 1;
    const auto call = mine.begin_invoke(variable);
    at.run();

    CHECK_THROWS_AS(other.end_invoke(variable, call), eap::invalid_operation);
    CHECK(variable == 1);
    mine.end_invoke(variable, call);
    CHECK(variable == 2);
}

TEST_CASE("an empty delegate ends no call", "[delegate][DG-8]") {
    two_places at;
    const auto call = eap::delegate<int(int)>{twice}.on(at.where.context()).begin_invoke(4);
    const auto of_function = eap::begin_invoke(at.where.context(), twice, 4);
    at.run();
    const eap::delegate<int(int)> none;

    CHECK_THROWS_AS(none.end_invoke(call), eap::invalid_operation);
    CHECK_THROWS_AS(none.end_invoke(of_function), eap::invalid_operation);
    CHECK(call.end_invoke() == 8);
    CHECK(of_function.end_invoke() == 8);
}

TEST_CASE("a delegate does not end the call of a function, be it of the same function", "[delegate][DG-8]") {
    two_places at;
    const eap::delegate<int(int)> delegate{twice};
    const auto call = eap::begin_invoke(at.where.context(), twice, 4);
    at.run();

    CHECK_THROWS_AS(delegate.end_invoke(call), eap::invalid_operation);
    CHECK(call.end_invoke() == 8);
}

TEST_CASE("ending nothing throws invalid_operation", "[delegate][DG-9]") {
    const eap::delegate<int(int)> delegate{twice};
    const eap::async_call<int(int)> nothing;

    CHECK_THROWS_AS(delegate.end_invoke(nothing), eap::invalid_operation);
}

TEST_CASE("a delegate made where an ended one was does not end that one's calls", "[delegate][DG-8]") {
    two_places at;
    std::vector<eap::async_call<int(int)>> calls;
    int mistaken = 0;
    for (int i = 0; i < 100; ++i) { // a target's memory may well be used again
        const auto there = eap::delegate<int(int)>{twice}.on(at.where.context());
        for (const auto& call : calls) {
            try {
                there.end_invoke(call);
                ++mistaken;
            } catch (const eap::invalid_operation&) {
            }
        }
        calls.push_back(there.begin_invoke(i));
        at.run();
    }

    CHECK(mistaken == 0);
}

// ---- the callback ----

TEST_CASE("the callback is optional", "[delegate][CB-1]") {
    two_places at;
    const auto there = eap::delegate<int(int)>{twice}.on(at.where.context());
    const auto none = there.begin_invoke(1);
    const auto null = there.begin_invoke(2, nullptr);
    const auto null_and_state = there.begin_invoke(3, nullptr, "state");
    const auto braces_and_state = there.begin_invoke(4, {}, "state");
    at.where.run_all();

    CHECK(at.home.size() == 0);
    CHECK(none.end_invoke() == 2);
    CHECK(null.end_invoke() == 4);
    CHECK(null_and_state.end_invoke() == 6);
    CHECK(braces_and_state.end_invoke() == 8);
    CHECK(braces_and_state.async_state() == "state");
}

TEST_CASE("an empty function is no callback", "[delegate][CB-1]") {
    two_places at;
    using call_type = eap::async_call<int(int)>;
    void (*const no_function)(const call_type&) = nullptr;
    const auto there = eap::delegate<int(int)>{twice}.on(at.where.context());
    const auto first = there.begin_invoke(1, std::function<void(const call_type&)>{});
    const auto second = there.begin_invoke(2, no_function);
    const auto third = there.begin_invoke(3, eap::delegate<void(const call_type&)>{});
    at.where.run_all();

    CHECK(at.home.size() == 0);
    CHECK_NOTHROW(at.home.run_all());
    CHECK(first.end_invoke() == 2);
    CHECK(second.end_invoke() == 4);
    CHECK(third.end_invoke() == 6);
}

TEST_CASE("the callback is called once, with the call that begin returned", "[delegate][CB-2][A6]") {
    two_places at;
    std::vector<eap::async_call<int(int)>> got;
    const auto call =
        eap::delegate<int(int)>{twice}
            .on(at.where.context())
            .begin_invoke(4, [&](const eap::async_call<int(int)>& each) { got.push_back(each); });
    at.run();
    call.end_invoke();
    at.run();

    REQUIRE(got.size() == 1);
    CHECK(got.front() == call);
}

TEST_CASE("the callback is called once also when the call failed", "[delegate][CB-2]") {
    two_places at;
    std::vector<eap::async_call<void()>> got;
    const auto call = eap::delegate<void()>{[] { throw target_error{"why"}; }}
                          .on(at.where.context())
                          .begin_invoke([&](const eap::async_call<void()>& each) { got.push_back(each); });
    at.run();

    REQUIRE(got.size() == 1);
    CHECK(got.front() == call);
    CHECK_THROWS_AS(call.end_invoke(), target_error);
}

TEST_CASE("the callback is called once also when the call was cancelled", "[delegate][CB-2]") {
    two_places at;
    int callbacks = 0;
    const auto call =
        eap::delegate<void()>{[] {}}.on(at.where.context()).begin_invoke([&](const auto&) { ++callbacks; });
    CHECK(call.cancel());
    at.run();

    CHECK(callbacks == 1);
}

TEST_CASE("a callback may take a handle to a call of any signature, by value or not", "[delegate][CB-2]") {
    two_places at;
    std::vector<eap::async_call<>> got;
    const auto there = eap::delegate<int(int)>{twice}.on(at.where.context());
    const auto first = there.begin_invoke(1, [&](const eap::async_call<>& call) { got.push_back(call); });
    const auto second =
        there.begin_invoke(2, [&](eap::async_call<int(int)> call) { got.emplace_back(call); });
    at.run();

    REQUIRE(got.size() == 2);
    CHECK(got[0] == first);
    CHECK(got[1] == second);
}

TEST_CASE("a callback may be move-only, and may change what it holds", "[delegate][CB-2]") {
    two_places at;
    int got = 0;
    const auto call = eap::delegate<int(int)>{twice}
                          .on(at.where.context())
                          .begin_invoke(4, [&got, owned = std::make_unique<int>(7)](const auto&) mutable {
                              got = *std::exchange(owned, nullptr);
                          });
    at.run();

    CHECK(got == 7);
}

TEST_CASE("a callback given as a variable is copied", "[delegate][CB-2]") {
    two_places at;
    std::optional<std::function<void(const eap::async_call<int(int)>&)>> callback;
    int callbacks = 0;
    callback = [&](const auto&) { ++callbacks; };
    const auto call = eap::delegate<int(int)>{twice}.on(at.where.context()).begin_invoke(4, *callback);
    CHECK(*callback);
    callback.reset();
    at.run();

    CHECK(callbacks == 1);
}

TEST_CASE("the callback runs at the context that was current at begin, which is current again inside it",
          "[delegate][CB-3][O-4][departures]") {
    eap::event_loop home;
    std::thread::id ran_on;
    bool is_current = false;
    {
        const eap::scoped_context current{home.context()};
        eap::delegate<int(int)>{twice}.begin_invoke(4, [&](const auto&) {
            ran_on = std::this_thread::get_id();
            is_current = *eap::scoped_context::current() == eap::any_synchronization_context{home.context()};
        });
    }
    const eap::event_loop another;
    const eap::scoped_context elsewhere{another.context()}; // too late
    home.run();                                             // until the callback has run

    CHECK(ran_on == std::this_thread::get_id());
    CHECK(is_current);
}

TEST_CASE("the callback runs on the shared pool when no context was current at begin", "[delegate][CB-3]") {
    eap::thread_pool pool{1};
    bool on_shared_pool = false;
    eap::detail::parking<> done;
    eap::delegate<int(int)>{twice}.on(pool.context()).begin_invoke(4, [&](const auto&) {
        on_shared_pool = eap::thread_pool::shared().running_in_this_thread();
        done.set();
    });
    done.wait();

    CHECK(on_shared_pool);
}

TEST_CASE("the callback of a call that a pool's function begins runs on that pool", "[delegate][CB-3]") {
    eap::thread_pool pool{1};
    bool on_pool = false;
    eap::detail::parking<> done;
    pool.context().post([&] {
        eap::delegate<int(int)>{twice}.begin_invoke(4, [&](const auto&) {
            on_pool = pool.context().running_in_this_thread();
            done.set();
        });
    });
    done.wait();

    CHECK(on_pool);
}

TEST_CASE("when the callback runs, its call is complete, and waiting for it returns",
          "[delegate][CB-4][WH-9]") {
    two_places at;
    bool complete = false;
    bool waited = false;
    const auto call =
        eap::delegate<int(int)>{twice}.on(at.where.context()).begin_invoke(4, [&](const auto& done) {
            complete = done.is_completed();
            done.wait();
            waited = true;
        });
    at.run();

    CHECK(complete);
    CHECK(waited);
}

TEST_CASE("a call may be ended elsewhere while its callback is running", "[delegate][CB-5]") {
    eap::detail::parking<> inside;
    eap::detail::parking<> go;
    eap::thread_pool pool{1};
    eap::async_call<int(int)> call;
    {
        const eap::scoped_context current{pool.context()};
        call = eap::delegate<int(int)>{twice}.begin_invoke(4, [&](const auto&) {
            inside.set();
            go.wait();
        });
    }
    inside.wait();
    const int value = call.end_invoke();
    go.set();

    CHECK(value == 8);
}

TEST_CASE("the state arrives in the callback, which can serve many calls", "[delegate][CB-6]") {
    two_places at;
    std::vector<std::string> got;
    const auto callback = [&](const eap::async_call<int(int)>& call) {
        got.push_back(call.async_state().get<std::string>() + std::to_string(call.end_invoke()));
    };
    const auto there = eap::delegate<int(int)>{twice}.on(at.where.context());
    there.begin_invoke(1, callback, "first ");
    there.begin_invoke(2, callback, "second ");
    at.run();
    std::sort(got.begin(), got.end());

    CHECK(got == lines{"first 2", "second 4"});
}

TEST_CASE("the state is the caller's own object when that is what it points to", "[delegate][CB-6]") {
    two_places at;
    auto object = std::make_shared<int>(7);
    std::shared_ptr<int> got;
    const auto call = eap::delegate<int(int)>{twice}
                          .on(at.where.context())
                          .begin_invoke(
                              4,
                              [&](const eap::async_call<int(int)>& done) {
                                  got = done.async_state().get<std::shared_ptr<int>>();
                              },
                              object);
    at.run();

    CHECK(got == object);
}

TEST_CASE("in the callback the call can be ended, with result and in/out parameters; then it is ended",
          "[delegate][CB-7][DG-5][A7]") {
    two_places at;
    const auto there = eap::delegate<int(int&)>{[](int& value) { return ++value; }}.on(at.where.context());
    int result = 0;
    int out = 0;
    const auto call = there.begin_invoke(
        4, [&](const eap::async_call<int(int&)>& done) { result = there.end_invoke(out, done); });
    at.run();

    CHECK(result == 5);
    CHECK(out == 5);
    CHECK_THROWS_AS(there.end_invoke(out, call), eap::invalid_operation);
}

TEST_CASE("the callback runs also when the call was ended before", "[delegate][CB-2][CB-5]") {
    two_places at;
    int callbacks = 0;
    bool refused = false;
    const auto call = eap::delegate<int(int)>{twice}
                          .on(at.where.context())
                          .begin_invoke(4, [&](const eap::async_call<int(int)>& done) {
                              ++callbacks;
                              try {
                                  done.end_invoke();
                              } catch (const eap::invalid_operation&) {
                                  refused = true;
                              }
                          });
    at.where.run_all();
    CHECK(call.end_invoke() == 8);
    at.home.run_all();

    CHECK(callbacks == 1);
    CHECK(refused);
}

TEST_CASE("the callback runs when nobody has kept a handle", "[delegate][CB-2]") {
    two_places at;
    int got = 0;
    eap::delegate<int(int)>{twice}
        .on(at.where.context())
        .begin_invoke(4, [&](const eap::async_call<int(int)>& done) { got = done.end_invoke(); });
    at.run();

    CHECK(got == 8);
}

TEST_CASE("a callback may be a delegate", "[delegate][CB-2]") {
    two_places at;
    int got = 0;
    const eap::delegate<void(const eap::async_call<int(int)>&)> callback{
        [&](const eap::async_call<int(int)>& done) { got = done.end_invoke(); }};
    eap::delegate<int(int)>{twice}.on(at.where.context()).begin_invoke(4, callback);
    at.run();

    CHECK(got == 8);
}

namespace {

std::uintptr_t stack_position() {
#ifdef __GNUC__
    return reinterpret_cast<std::uintptr_t>(
        __builtin_frame_address(0)); // a sanitizer may keep locals elsewhere
#else
    const char local = 0;
    return reinterpret_cast<std::uintptr_t>(&local);
#endif
}

/// Begins the next call in the callback of each, and finds out how far apart the callbacks were on the stack.
struct chain {
    eap::delegate<int(int)> target;
    int remaining = 100'000;
    std::uintptr_t lowest = UINTPTR_MAX;
    std::uintptr_t highest = 0;
    eap::detail::parking<> done{};

    void begin() {
        target.begin_invoke(remaining, [this](const eap::async_call<int(int)>& call) { next(call); });
    }
    void next(const eap::async_call<int(int)>& call) {
        const std::uintptr_t here = stack_position();
        lowest = std::min(lowest, here);
        highest = std::max(highest, here);
        remaining = call.end_invoke();
        if (remaining == 0)
            done.set();
        else
            begin();
    }
};
constexpr std::uintptr_t some_stack = 4096;

int one_less(int value) { return value - 1; }

} // namespace

TEST_CASE("a callback on a loop that begins the next call does not grow the stack", "[delegate][CB-9]") {
    eap::event_loop home;
    const eap::scoped_context current{home.context()};
    chain links{eap::delegate<int(int)>{one_less}.on(home.context())};
    links.begin();
    home.run();

    CHECK(links.remaining == 0);
    CHECK(links.highest - links.lowest < some_stack);
}

TEST_CASE("a callback on a pool that begins the next call does not grow the stack", "[delegate][CB-9]") {
    chain links{{}};
    {
        eap::thread_pool pool{1}; // one thread, one stack
        links.target = eap::delegate<int(int)>{one_less}.on(pool.context());
        pool.context().post([&] { links.begin(); });
        links.done.wait();
    }

    CHECK(links.remaining == 0);
    CHECK(links.highest - links.lowest < some_stack);
}

TEST_CASE("an exception of a callback reaches whoever runs its loop", "[delegate][CB-10][O-6][departures]") {
    eap::event_loop home;
    const eap::scoped_context current{home.context()};
    const auto call = eap::delegate<int(int)>{twice}.on(home.context()).begin_invoke(4, [](const auto&) {
        throw target_error{"from the callback"};
    });
    bool later_ran = false;
    home.poll(); // the call
    home.context().post([&] { later_ran = true; });

    CHECK_THROWS_AS(home.poll(), target_error);
    home.poll();
    CHECK(later_ran);
    CHECK(call.end_invoke() == 8);
}

TEST_CASE("the error of a call, ended in its callback, reaches whoever runs the callback's loop",
          "[delegate][CB-10]") {
    eap::event_loop home;
    const eap::scoped_context current{home.context()};
    eap::delegate<void()>{[] { throw target_error{"why"}; }}
        .on(home.context())
        .begin_invoke([](const eap::async_call<void()>& done) { done.end_invoke(); });

    CHECK_NOTHROW(home.poll());
    CHECK_THROWS_AS(home.poll(), target_error);
}

TEST_CASE("an exception of a callback on a pool goes to on_exception", "[delegate][CB-10][O-6]") {
    tests::record log;
    eap::thread_pool pool{1};
    pool.on_exception([log](const std::exception_ptr& error) { log.add(tests::told(error)); });
    {
        const eap::scoped_context current{pool.context()};
        eap::delegate<int(int)>{twice}.begin_invoke(4, [](const auto&) { throw target_error{"from there"}; });
    }

    CHECK(log.wait_for(1) == lines{"error: from there"});
}

TEST_CASE("an exception of a callback on a pool that wants none ends the program", "[delegate][CB-10]") {
    const auto ends = tests::terminates([] {
        eap::thread_pool pool{1};
        const eap::scoped_context current{pool.context()};
        eap::delegate<int(int)>{twice}.on(pool.context()).begin_invoke(4, [](const auto&) {
            throw target_error{"why"};
        });
        eap::detail::parking<>{}.wait(); // for the end
    });
    if (ends.has_value())
        CHECK(*ends);
}

TEST_CASE("the error of a call without callback does not reach whoever runs its context",
          "[delegate][EX-2][EX-5]") {
    eap::event_loop where;
    const auto call =
        eap::delegate<void()>{[] { throw target_error{"why"}; }}.on(where.context()).begin_invoke();

    CHECK_NOTHROW(where.poll());
    CHECK_THROWS_AS(call.end_invoke(), target_error);
}

TEST_CASE("a callback bound to a receiver is called while the receiver lives", "[delegate][O-27]") {
    two_places at;
    const auto receiver = std::make_shared<int>(0);
    const auto call = eap::delegate<int(int)>{twice}
                          .on(at.where.context())
                          .begin_invoke(4, eap::tracked(receiver, [&](const eap::async_call<int(int)>& done) {
                                            *receiver = done.end_invoke();
                                        }));
    at.run();

    CHECK(*receiver == 8);
}

TEST_CASE("a callback whose receiver died does nothing, and the call can still be ended",
          "[delegate][O-27]") {
    two_places at;
    auto receiver = std::make_shared<int>(0);
    int callbacks = 0;
    const auto call =
        eap::delegate<int(int)>{twice}
            .on(at.where.context())
            .begin_invoke(4, eap::tracked(receiver, [&](const eap::async_call<int(int)>&) { ++callbacks; }));
    receiver.reset();
    at.run();

    CHECK(callbacks == 0);
    CHECK_NOTHROW(call.wait_callback());
    CHECK(call.end_invoke() == 8);
}

TEST_CASE("a callback may destroy the delegate, the last handle and the place of the call",
          "[delegate][G12]") {
    tests::manual_queue home;
    const eap::scoped_context current{home.context()};
    auto where = std::make_unique<tests::manual_queue>();
    auto target =
        std::make_unique<eap::delegate<int(int)>>(eap::delegate<int(int)>{twice}.on(where->context()));
    std::optional<eap::async_call<int(int)>> call;
    int got = 0;
    call = target->begin_invoke(4, [&](const eap::async_call<int(int)>& done) {
        target.reset();
        call.reset();
        where.reset();
        got = done.end_invoke();
    });
    where->run_all();
    home.run_all();

    CHECK(got == 8);
}

TEST_CASE("a callback may destroy the pool that ran its call", "[delegate][G12]") {
    eap::event_loop home;
    const eap::scoped_context current{home.context()};
    auto pool = std::make_unique<eap::thread_pool>(1);
    int got = 0;
    eap::delegate<int(int)>{twice}
        .on(pool->context())
        .begin_invoke(4, [&](const eap::async_call<int(int)>& done) {
            pool.reset();
            got = done.end_invoke();
        });
    home.run();

    CHECK(got == 8);
}

// ---- what a call holds ----

TEST_CASE("a callback dies at home, right after it was called", "[delegate][G14]") {
    two_places at;
    auto held = std::make_shared<int>();
    const std::weak_ptr<int> watched = held;
    const auto call = eap::delegate<int(int)>{twice}
                          .on(at.where.context())
                          .begin_invoke(4, [held = std::move(held)](const auto&) {});
    at.where.run_all();
    CHECK_FALSE(watched.expired());
    at.home.run_all();

    CHECK(watched.expired());
}

TEST_CASE("the closures of a call are called and destroyed once", "[delegate][G14]") {
    two_places at;
    tests::fate target;
    tests::fate callback;
    {
        tests::traced back{callback, [] {}};
        const auto call = eap::delegate<void()>{tests::traced{target, [] {}}}
                              .on(at.where.context())
                              .begin_invoke([back = std::move(back)](const auto&) mutable { back(); });
        at.run();
        call.end_invoke();
    }

    CHECK(target.called == 1);
    CHECK(target.destroyed == 1);
    CHECK(callback.called == 1);
    CHECK(callback.destroyed == 1);
}

TEST_CASE("the closures of a call that never runs are destroyed once", "[delegate][G14]") {
    two_places at;
    tests::fate target;
    tests::fate callback;
    {
        tests::traced back{callback, [] {}};
        const auto call = eap::delegate<void()>{tests::traced{target, [] {}}}
                              .on(at.where.context())
                              .begin_invoke([back = std::move(back)](const auto&) mutable { back(); });
        at.where.close();
        at.home.close();
    }

    CHECK(target.called == 0);
    CHECK(target.destroyed == 1);
    CHECK(callback.called == 0);
    CHECK(callback.destroyed == 1);
}

TEST_CASE("nothing of a call is left when its handles are gone, ended or not", "[delegate][G14]") {
    two_places at;
    const bool is_ended = GENERATE(true, false);
    auto held = std::make_shared<int>();
    const std::weak_ptr<int> watched = held;
    {
        const auto call =
            eap::delegate<std::shared_ptr<int>(std::shared_ptr<int>&, std::shared_ptr<int>)>{
                [held](std::shared_ptr<int>&, std::shared_ptr<int>) { return held; }}
                .on(at.where.context())
                .begin_invoke(held, held, [held](const auto&) {}, held);
        at.run();
        if (is_ended) {
            std::shared_ptr<int> out;
            CHECK(call.end_invoke(out) == held);
            CHECK(out == held);
        }
        held.reset();
        CHECK_FALSE(watched.expired()); // the state, at least
    }

    CHECK(watched.expired());
}

TEST_CASE("a call that outlives all its handles is finished, and leaves nothing", "[delegate][G14][LF-6]") {
    two_places at;
    auto held = std::make_shared<int>(0);
    eap::delegate<void(std::shared_ptr<int>)>{[](const std::shared_ptr<int>& value) { ++*value; }}
        .on(at.where.context())
        .begin_invoke(held);
    CHECK(held.use_count() == 2);
    at.run();

    CHECK(*held == 1);
    CHECK(held.use_count() == 1);
}

TEST_CASE("a target and a callback that hold their own call leave nothing", "[delegate][G14]") {
    two_places at;
    auto held = std::make_shared<int>();
    const std::weak_ptr<int> watched = held;
    {
        const auto own = std::make_shared<eap::async_call<void()>>();
        *own = eap::delegate<void()>{[] {}}
                   .on(at.where.context())
                   .begin_invoke([own, held = std::move(held)](const auto&) {});
        at.run();
    }

    CHECK(watched.expired());
}

// ---- a begin that fails ----

namespace {

/// Everything that a failed begin might disturb: a home that counts its notifications, and a delegate, a callback,
/// an argument and a state that can be seen to be let go of.
template <class Queue> struct begin_scene {
    Queue where;
    Queue home;
    std::shared_ptr<tests::notification_counts> notified = std::make_shared<tests::notification_counts>();
    using home_type = decltype(home.context());
    eap::scoped_context current{tests::counting_context<home_type>{home.context(), notified}};

    int runs = 0;
    int callbacks = 0;
    std::shared_ptr<int> held = std::make_shared<int>(7);
    using signature = int(std::shared_ptr<int>&, std::string);
    eap::delegate<signature> target{[this](std::shared_ptr<int>& value, const std::string&) {
        ++runs;
        return *value;
    }};

    eap::async_call<signature> begin(const eap::delegate<signature>& by) {
        return by.begin_invoke(
            held, "text that is long enough to be allocated, as most text is",
            [this, kept = held](const eap::async_call<signature>&) { ++callbacks; }, held);
    }
    /// What is wrong after a begin that failed.
    lines wrong(std::size_t ran_there, std::size_t ran_at_home) const {
        lines all;
        if (ran_there + ran_at_home != 0)
            all.emplace_back("something was posted");
        if (runs != 0)
            all.emplace_back("the target ran");
        if (callbacks != 0)
            all.emplace_back("the callback ran");
        if (notified->started != notified->completed)
            all.emplace_back("the notifications of the home do not balance");
        if (held.use_count() != 1)
            all.emplace_back("something was kept");
        return all;
    }
};

template <class Queue> std::size_t run_queue(Queue& queue) {
    if constexpr (requires { queue.poll(); })
        return queue.poll();
    else
        return queue.run_all();
}

} // namespace

TEST_CASE("beginning on an empty delegate throws bad_function_call and has no effect",
          "[delegate][DG-12][DG-19][G9]") {
    begin_scene<tests::manual_queue> scene;
    const decltype(scene.target) none;
    const auto none_there = decltype(scene.target){}.on(scene.where.context());

    CHECK_THROWS_AS(scene.begin(none), std::bad_function_call);
    CHECK_THROWS_AS(scene.begin(none_there), std::bad_function_call);
    CHECK(scene.wrong(run_queue(scene.where), run_queue(scene.home)) == lines{});
}

TEST_CASE("a context that refuses the call makes begin throw, and nothing begins", "[delegate][DG-19][G9]") {
    begin_scene<tests::manual_queue> scene;

    CHECK_THROWS_AS(scene.begin(scene.target.on(tests::throwing_context{})), tests::post_refused);
    CHECK(scene.wrong(run_queue(scene.where), run_queue(scene.home)) == lines{});
}

TEST_CASE("a pool that is closed makes begin throw context_closed, and nothing begins",
          "[delegate][DG-19][G9]") {
    begin_scene<tests::manual_queue> scene;
    eap::thread_pool pool{1};
    pool.close();

    CHECK_THROWS_AS(scene.begin(scene.target.on(pool.context())), eap::context_closed);
    CHECK(scene.wrong(run_queue(scene.where), run_queue(scene.home)) == lines{});
}

TEST_CASE("a home that refuses to hear of the call makes begin throw, and nothing begins",
          "[delegate][DG-19][G9]") {
    begin_scene<tests::manual_queue> scene;
    scene.notified->refusals = 1;

    CHECK_THROWS_AS(scene.begin(scene.target.on(scene.where.context())), tests::post_refused);
    CHECK(scene.wrong(run_queue(scene.where), run_queue(scene.home)) == lines{});
    const auto call = scene.begin(scene.target.on(scene.where.context())); // the next one is not harmed
    run_queue(scene.where);
    CHECK(run_queue(scene.home) == 1);
    CHECK(scene.callbacks == 1);
}

TEST_CASE("a home that is closed makes begin with a callback throw, and nothing begins",
          "[delegate][DG-19][G9]") {
    begin_scene<eap::event_loop> scene;
    scene.home.close();

    CHECK_THROWS_AS(scene.begin(scene.target.on(scene.where.context())), eap::context_closed);
    CHECK(scene.wrong(run_queue(scene.where), run_queue(scene.home)) == lines{});
}

TEMPLATE_TEST_CASE("whichever allocation of begin_invoke fails, nothing begins", "[delegate][DG-19][G9]",
                   tests::manual_queue, eap::event_loop) {
    if (!tests::allocation_watch::works)
        return;
    int failures = 0;
    bool begun = false;
    for (std::size_t number = 1; !begun && number < 1000; ++number) {
        begin_scene<TestType> scene;
        const auto there = scene.target.on(scene.where.context());
        std::optional<eap::async_call<typename begin_scene<TestType>::signature>> call;
        {
            tests::allocation_watch watch;
            watch.fail(number);
            try {
                call = scene.begin(there);
            } catch (const std::bad_alloc&) {
                ++failures;
            }
        }
        begun = call.has_value();
        if (!begun) {
            REQUIRE(scene.wrong(run_queue(scene.where), run_queue(scene.home)) == lines{});
            continue;
        }
        run_queue(scene.where);
        run_queue(scene.home);
        CHECK(scene.callbacks == 1);
        std::shared_ptr<int> out;
        CHECK(call->end_invoke(out) == 7);
    }

    CHECK(begun);
    CHECK(failures > 0);
}

TEST_CASE("the home hears once that a call with a callback begins, and once that it has ended",
          "[delegate][G10]") {
    begin_scene<tests::manual_queue> scene;
    const auto call = scene.begin(scene.target.on(scene.where.context()));
    CHECK(scene.notified->started == 1);
    CHECK(scene.notified->completed == 0);
    run_queue(scene.where);
    run_queue(scene.home);

    CHECK(scene.notified->started == 1);
    CHECK(scene.notified->completed == 1);
}

TEST_CASE("the place of a call, and the home of one without callback, hear of begins and ends alike",
          "[delegate][G10]") {
    tests::manual_queue where;
    tests::manual_queue home;
    const auto of_where = std::make_shared<tests::notification_counts>();
    const auto of_home = std::make_shared<tests::notification_counts>();
    const eap::scoped_context current{tests::counting_context<>{home.context(), of_home}};
    const auto there =
        eap::delegate<int(int)>{twice}.on(tests::counting_context<>{where.context(), of_where});
    const auto run = there.begin_invoke(4);
    const auto dropped = there.begin_invoke(4);
    where.run_one();
    where.drop_one();

    CHECK(of_where->started == of_where->completed);
    CHECK(of_home->started == of_home->completed);
}

TEST_CASE("a loop runs until the callbacks of its calls have run", "[delegate][G10][O-25]") {
    eap::event_loop home;
    const eap::scoped_context current{home.context()};
    int callbacks = 0;
    for (int i = 0; i < 10; ++i)
        eap::delegate<int(int)>{twice}.begin_invoke(i, [&](const auto&) { ++callbacks; });
    home.run();

    CHECK(callbacks == 10);
}

TEST_CASE("a call that is abandoned or whose home is gone is told to the home as ended", "[delegate][G10]") {
    begin_scene<tests::manual_queue> scene;
    const auto abandoned = scene.begin(scene.target.on(scene.where.context()));
    const auto homeless = scene.begin(scene.target.on(scene.where.context()));
    scene.where.drop_one();
    CHECK(scene.notified->completed == 1);
    scene.home.close();
    run_queue(scene.where);

    CHECK(scene.notified->started == 2);
    CHECK(scene.notified->completed == 2);
}

TEST_CASE("completing a call and running its callback allocates nothing on the library's own contexts",
          "[delegate][G8]") {
    if (!tests::allocation_watch::works)
        return;
    eap::event_loop home;
    const eap::scoped_context current{home.context()};
    int callbacks = 0;
    const auto call =
        eap::delegate<int(int)>{twice}.on(home.context()).begin_invoke(4, [&](const auto&) { ++callbacks; });
    std::size_t allocations = 0;
    {
        const tests::allocation_watch watch;
        home.run();
        allocations = watch.count();
    }

    CHECK(callbacks == 1);
    CHECK(allocations == 0);
    CHECK(call.end_invoke() == 8);
}

// ---- a function without a delegate ----

TEST_CASE("a function can be begun without a delegate, on the shared pool", "[begin_invoke][DG-2][DG-3]") {
    bool on_shared_pool = false;
    const auto call = eap::begin_invoke(
        [&](int left, int right) {
            on_shared_pool = eap::thread_pool::shared().running_in_this_thread();
            return left + right;
        },
        3, 4);

    CHECK(call.end_invoke() == 7);
    CHECK(on_shared_pool);
}

TEST_CASE("a function can be begun without a delegate, on a context of one's choice", "[begin_invoke]") {
    tests::manual_queue where;
    const auto typed = eap::begin_invoke(where.context(), twice, 1);
    const auto erased = eap::begin_invoke(eap::any_synchronization_context{where.context()}, twice, 2);
    CHECK(where.size() == 2);
    where.run_all();

    CHECK(typed.end_invoke() == 2);
    CHECK(erased.end_invoke() == 4);
}

TEST_CASE("begin_invoke copies what it is given, and moves what it may", "[begin_invoke][DG-13]") {
    tests::manual_queue where;
    auto owned = std::make_unique<int>(7);
    std::string text = "text";
    const auto call = eap::begin_invoke(
        where.context(),
        [](std::unique_ptr<int> number, const std::string& in) { return in + std::to_string(*number); },
        std::move(owned), text);
    text = "changed";
    where.run_all();

    CHECK(call.end_invoke() == "text7");
}

TEST_CASE("begin_invoke passes its copies as rvalues", "[begin_invoke]") {
    tests::manual_queue where;
    auto shared = std::make_shared<int>(7);
    std::shared_ptr<int> kept;
    const auto call = eap::begin_invoke(
        where.context(), [&](std::shared_ptr<int>&& value) { kept = std::move(value); }, shared);
    where.run_all();

    CHECK(kept == shared);
    CHECK(shared.use_count() == 2); // the call has moved its own copy on
}

TEST_CASE("std::ref lets a begun function change the caller's variable", "[begin_invoke][DG-13]") {
    tests::manual_queue where;
    int variable = 1;
    const auto call = eap::begin_invoke(where.context(), [](int& value) { ++value; }, std::ref(variable));
    where.run_all();
    call.end_invoke();

    CHECK(variable == 2);
}

TEST_CASE("begin_invoke takes overloaded, generic, mutable, move-only and member functions",
          "[begin_invoke]") {
    struct overloads {
        int operator()(int) const { return 1; }
        int operator()(const std::string&) const { return 2; }
    };
    tests::manual_queue where;
    account mine{10};
    const auto overload = eap::begin_invoke(where.context(), overloads{}, std::string{"text"});
    const auto generic = eap::begin_invoke(where.context(), [](auto... all) { return (all + ...); }, 1, 2, 3);
    const auto changing = eap::begin_invoke(where.context(), [count = 0]() mutable { return ++count; });
    const auto owner =
        eap::begin_invoke(where.context(), [owned = std::make_unique<int>(7)] { return *owned; });
    const auto by_pointer = eap::begin_invoke(where.context(), &account::deposit, &mine, 5);
    const auto by_owner =
        eap::begin_invoke(where.context(), &account::deposit, std::make_unique<account>(), 5);
    const auto by_copy = eap::begin_invoke(where.context(), &account::look, mine);
    where.run_all();

    CHECK(overload.end_invoke() == 2);
    CHECK(generic.end_invoke() == 6);
    CHECK(changing.end_invoke() == 1);
    CHECK(owner.end_invoke() == 7);
    CHECK(by_pointer.end_invoke() == 15);
    CHECK(mine.balance == 15);
    CHECK(by_owner.end_invoke() == 5);
    CHECK(by_copy.end_invoke() == 10);
}

TEST_CASE("begin_invoke gives the function a stop token when it takes one first", "[begin_invoke]") {
    tests::manual_queue where;
    const auto call = eap::begin_invoke(
        where.context(),
        [](const std::stop_token& stop, int value) { return stop.stop_possible() ? value : 0; }, 7);
    where.run_all();

    CHECK(call.end_invoke() == 7);
}

TEST_CASE("a begun function may return nothing, a reference, or an rvalue reference, which becomes a value",
          "[begin_invoke]") {
    tests::manual_queue where;
    int object = 0;
    std::string text = "text";
    const auto nothing = eap::begin_invoke(where.context(), [] {});
    const auto reference = eap::begin_invoke(where.context(), [&]() -> int& { return object; });
    const auto rvalue =
        eap::begin_invoke(where.context(), [&]() -> std::string&& { return std::move(text); });
    where.run_all();

    STATIC_REQUIRE(std::is_void_v<decltype(nothing.end_invoke())>);
    STATIC_REQUIRE(std::is_same_v<decltype(rvalue.end_invoke()), std::string>);
    CHECK_NOTHROW(nothing.end_invoke());
    CHECK(&reference.end_invoke() == &object);
    CHECK(rvalue.end_invoke() == "text");
}

TEST_CASE("text given to begin_invoke stays a pointer", "[begin_invoke]") {
    tests::manual_queue where;
    static constexpr char text[] = "text";
    const auto call = eap::begin_invoke(where.context(), [](const char* got) { return got == text; }, text);
    where.run_all();

    CHECK(call.end_invoke());
}

TEST_CASE("beginning an empty function throws bad_function_call", "[begin_invoke][DG-12]") {
    tests::manual_queue where;
    int (*const no_function)(int) = nullptr;

    CHECK_THROWS_AS(eap::begin_invoke(where.context(), no_function, 1), std::bad_function_call);
    CHECK_THROWS_AS(eap::begin_invoke(std::function<void()>{}), std::bad_function_call);
    CHECK_THROWS_AS(eap::begin_invoke(where.context(), eap::delegate<void()>{}), std::bad_function_call);
    CHECK(where.size() == 0);
}

TEST_CASE("begin_invoke throws what the context refuses the call with, and lets go of what it was given",
          "[begin_invoke][DG-19][G9]") {
    tests::manual_queue closed;
    closed.close();
    const auto held = std::make_shared<int>();

    CHECK_THROWS_AS(eap::begin_invoke(
                        tests::throwing_context{}, [held](const std::shared_ptr<int>&) {}, held),
                    tests::post_refused);
    CHECK_THROWS_AS(eap::begin_invoke(
                        closed.context(), [held](const std::shared_ptr<int>&) {}, held),
                    eap::context_closed);
    CHECK(held.use_count() == 1);
}

TEST_CASE("an argument or function that throws when begin_invoke copies it begins nothing",
          "[begin_invoke][DG-19][G9]") {
    struct function : uncopyable_today {
        void operator()() const {}
    };
    tests::manual_queue where;
    const uncopyable_today argument;
    const function uncopyable;

    CHECK_THROWS_AS(
        eap::begin_invoke(where.context(), [](const uncopyable_today&) {}, argument), target_error);
    CHECK_THROWS_AS(eap::begin_invoke(where.context(), uncopyable), target_error);
    CHECK(where.size() == 0);
}

TEST_CASE("a function begun on a context that names no place is refused", "[begin_invoke][DG-19]") {
    int runs = 0;
    CHECK_THROWS_AS(eap::begin_invoke(eap::any_synchronization_context{}, [&] { ++runs; }), std::logic_error);
    CHECK(runs == 0);
}

TEST_CASE("a begun function's exception is thrown when the call is ended", "[begin_invoke][EX-1]") {
    tests::manual_queue where;
    const auto call = eap::begin_invoke(where.context(), []() -> int { throw target_error{"why"}; });
    CHECK_NOTHROW(where.run_all());

    CHECK_THROWS_AS(call.end_invoke(), target_error);
}
