// SPDX-License-Identifier: BSL-1.0
#include <eap/typed_call.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/contexts.hpp"

#include <eap/delegate.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace {

struct assignment_error : std::runtime_error {
    assignment_error() : std::runtime_error{"this value could not be assigned"} {}
};

/// Can be moved into a call, and refuses to be moved out of it by assignment.
struct unassignable {
    unassignable() = default;
    unassignable(unassignable&&) noexcept {}
    unassignable& operator=(unassignable&&) { throw assignment_error{}; }
};

} // namespace

TEST_CASE("a value is moved out of the call, and the variables get what became of the parameters",
          "[typed_call][DG-15]") {
    const eap::delegate<std::unique_ptr<int>(std::string&)> target{[](std::string& text) {
        text += "!";
        return std::make_unique<int>(7);
    }};
    const auto call = target.on(tests::inline_context{}).begin_invoke("text");
    std::string text;
    const std::unique_ptr<int> result = call.end_invoke(text);
    CHECK(*result == 7);
    CHECK(text == "text!");
}

TEST_CASE("an end that finds an error leaves the variables alone", "[typed_call][DG-17][EX-1]") {
    const eap::delegate<int(int&)> target{[](int& value) -> int {
        value = 8;
        throw std::runtime_error{"no"};
    }};
    const auto call = target.on(tests::inline_context{}).begin_invoke(1);
    int value = 7;
    CHECK_THROWS_AS(call.end_invoke(value), std::runtime_error);
    CHECK(value == 7);
}

TEST_CASE("an end that returns the error leaves the variables alone", "[typed_call][DG-17]") {
    const eap::delegate<int(int&)> target{[](int& value) -> int {
        value = 8;
        throw std::runtime_error{"no"};
    }};
    const auto call = target.on(tests::inline_context{}).begin_invoke(1);
    int value = 7;
    CHECK(call.try_end_invoke(value).error() != nullptr);
    CHECK(value == 7);
}

TEST_CASE("an end that returns the outcome fills the variables", "[typed_call][DG-15]") {
    const eap::delegate<int(int&)> target{[](int& value) { return ++value; }};
    const auto call = target.on(tests::inline_context{}).begin_invoke(1, nullptr, "state");
    int value = 7;
    const eap::completed_event_args<int> args = call.try_end_invoke(value);
    CHECK(args.result() == 2);
    CHECK(args.user_state() == eap::user_state{"state"});
    CHECK(value == 2);
}

TEST_CASE("a reference that the target returns is the one that the end returns", "[typed_call]") {
    int variable = 7;
    const eap::delegate<int&()> target{[&]() -> int& { return variable; }};
    const auto call = target.on(tests::inline_context{}).begin_invoke();
    CHECK(&call.end_invoke() == &variable);
}

TEST_CASE("a reference to an argument is good for as long as the call is", "[typed_call]") {
    const eap::delegate<const std::string&(const std::string&)> target{
        [](const std::string& text) -> const std::string& { return text; }};
    const auto call = target.on(tests::inline_context{}).begin_invoke(std::string(100, 'x'));
    CHECK(call.end_invoke() == std::string(100, 'x'));
}

TEST_CASE("what assigning a variable throws leaves the call ended", "[typed_call]") {
    const eap::delegate<void(unassignable&)> target{[](unassignable&) {}};
    const auto call = target.on(tests::inline_context{}).begin_invoke(unassignable{});
    unassignable value;
    CHECK_THROWS_AS(call.end_invoke(value), assignment_error);
    CHECK_THROWS_AS(call.end_invoke(value), eap::invalid_operation);
}

TEST_CASE("a const result is handed over without its const", "[typed_call]") {
    const eap::delegate<const std::string()> target{[] { return std::string{"text"}; }};
    const auto call = target.on(tests::inline_context{}).begin_invoke();
    CHECK(call.end_invoke() == "text");
}
