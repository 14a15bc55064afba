// SPDX-License-Identifier: BSL-1.0
#include "eap/detail/arguments.hpp"

#include "support/catch.hpp"

#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace {

using eap::detail::argument_t;
using eap::detail::arguments;
using eap::detail::is_out;
using eap::detail::outs_of;
using eap::detail::type_list;

static_assert(is_out<int&>);
static_assert(!is_out<const int&> && !is_out<int> && !is_out<int&&> && !is_out<int*>);

static_assert(std::is_same_v<outs_of<>, type_list<>>);
static_assert(std::is_same_v<outs_of<int, const long&, char&&>, type_list<>>);
static_assert(std::is_same_v<outs_of<int&, const long&, std::string&, char>, type_list<int, std::string>>);

static_assert(std::is_same_v<argument_t<const std::string&>, std::string>);
static_assert(std::is_same_v<argument_t<std::unique_ptr<int>&&>, std::unique_ptr<int>>);
static_assert(std::is_same_v<argument_t<int&>, int>);

} // namespace

TEST_CASE("arguments are passed in the way of their parameters", "[arguments]") {
    arguments<int, int&, const int&, int&&> kept{std::in_place, 1, 2, 3, 4};
    kept.pass_to([](auto&&... each) {
        using passed = std::tuple<decltype(each)...>;
        static_assert(std::is_same_v<passed, std::tuple<int&&, int&, const int&, int&&>>);
    });
    CHECK(kept.pass_to(
              [](int a, int& b, const int& c, int&& d) { return 1000 * a + 100 * b + 10 * c + d; }) == 1234);
}

TEST_CASE("what passing them returns may be a reference", "[arguments]") {
    arguments<int&> kept{std::in_place, 7};
    int& inside = kept.pass_to([](int& value) -> int& { return value; });
    inside = 8;
    CHECK(kept.pass_to([](int& value) { return value; }) == 8);
}

TEST_CASE("each is a value of its own, whatever it was made from", "[arguments][DG-16]") {
    int variable = 1;
    arguments<int&, int&> kept{std::in_place, variable, variable};
    kept.pass_to([](int& first, int& second) {
        first = 10;
        second = 20;
    });
    CHECK(variable == 1);
    int first = 0, second = 0;
    kept.write_back(first, second);
    CHECK(first == 10);
    CHECK(second == 20);
}

TEST_CASE("what is written back are the in-out ones, in order", "[arguments][DG-15]") {
    arguments<int, std::string&, const int&, std::unique_ptr<int>&> kept{std::in_place, 1, "two", 3,
                                                                         std::make_unique<int>(4)};
    kept.pass_to([](int, std::string& text, const int&, std::unique_ptr<int>& owned) {
        text += "!";
        ++*owned;
    });
    std::string text;
    std::unique_ptr<int> owned;
    kept.write_back(text, owned);
    CHECK(text == "two!");
    CHECK(*owned == 5);
}

TEST_CASE("there may be none", "[arguments]") {
    arguments<> kept{std::in_place};
    kept.write_back();
    CHECK(kept.pass_to([] { return 7; }) == 7);
}
