// SPDX-License-Identifier: BSL-1.0
#include <eap/errors.hpp>

#include "support/catch.hpp"

#include <cstddef>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace {

template <class Error, class Base>
constexpr bool is_a = std::is_convertible_v<Error*, Base*> && std::is_nothrow_copy_constructible_v<Error>;

template <class Error> std::string default_message() { return Error{}.what(); }

} // namespace

TEST_CASE("a wrong call is a logic error, a cancelled result and an endless wait are wrong calls",
          "[errors]") {
    STATIC_REQUIRE(is_a<eap::invalid_operation, std::logic_error>);
    STATIC_REQUIRE(is_a<eap::operation_cancelled, eap::invalid_operation>);
    STATIC_REQUIRE(is_a<eap::would_deadlock, eap::invalid_operation>);
}

TEST_CASE("a duplicate task id is an invalid argument", "[errors][BC-7]") {
    STATIC_REQUIRE(is_a<eap::duplicate_task_id, std::invalid_argument>);
}

TEST_CASE("what befalls an operation is a runtime error", "[errors]") {
    STATIC_REQUIRE(is_a<eap::operation_timed_out, std::runtime_error>);
    STATIC_REQUIRE(is_a<eap::operation_abandoned, std::runtime_error>);
    STATIC_REQUIRE(is_a<eap::context_closed, std::runtime_error>);
}

TEMPLATE_TEST_CASE("every error takes a message of the caller's", "[errors]", eap::invalid_operation,
                   eap::operation_cancelled, eap::would_deadlock, eap::duplicate_task_id,
                   eap::operation_timed_out, eap::operation_abandoned, eap::context_closed) {
    CHECK(std::string{TestType{"what happened"}.what()} == "what happened");
    CHECK(std::string{TestType{std::string{"what to do"}}.what()} == "what to do");
    STATIC_REQUIRE(!std::is_convertible_v<const char*, TestType>);
}

TEST_CASE("an error that could happen in many ways has no message of its own", "[errors]") {
    STATIC_REQUIRE(!std::is_default_constructible_v<eap::invalid_operation>);
    STATIC_REQUIRE(!std::is_default_constructible_v<eap::duplicate_task_id>);
}

TEST_CASE("reading a cancelled result says so, and what to ask first", "[errors][CA-5]") {
    CHECK(default_message<eap::operation_cancelled>() ==
          "The operation was cancelled and has no result. Ask cancelled() before reading it; of a call, that "
          "of what try_end_invoke() returns.");
}

TEST_CASE("an endless wait says why, and how else to wait", "[errors]") {
    CHECK(default_message<eap::would_deadlock>() ==
          "This wait could never end: what it waits for needs the waiting thread. "
          "Wait on another thread, or continue in a handler.");
}

TEST_CASE("a time-out says so, and what can be done", "[errors]") {
    CHECK(default_message<eap::operation_timed_out>() == "The operation was not complete at its deadline. "
                                                         "Give it a longer time-out, or start it again.");
}

TEST_CASE("an abandoned operation says what its worker failed to do", "[errors]") {
    CHECK(default_message<eap::operation_abandoned>() ==
          "The worker let go of the operation without completing it. "
          "Complete it with a value, an error or as cancelled before it is destroyed.");
}

TEST_CASE("a closed context says so, and what to keep open", "[errors]") {
    CHECK(default_message<eap::context_closed>() ==
          "The context is closed and accepts no more work. "
          "Keep its owner open for as long as work is posted to it.");
}

TEST_CASE("the tag for the outcome 'cancelled' is made from nothing else", "[errors]") {
    STATIC_REQUIRE(std::is_same_v<decltype(eap::cancelled), const eap::cancelled_t>);
    STATIC_REQUIRE(std::is_empty_v<eap::cancelled_t>);
    STATIC_REQUIRE(!std::is_convertible_v<std::nullptr_t, eap::cancelled_t>);
    STATIC_REQUIRE(!std::is_aggregate_v<eap::cancelled_t> || !std::is_convertible_v<int, eap::cancelled_t>);
}
