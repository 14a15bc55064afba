// SPDX-License-Identifier: BSL-1.0
#include <eap/detail/hook.hpp>

#include "support/catch.hpp"

#include "eap/detail/parking.hpp"

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

using eap::detail::hook;

TEST_CASE("a hook without a function says so", "[hook]") {
    hook<int> h;
    CHECK_FALSE(h.call(1));
    int got = 0;
    h.set([&](int value) { got = value; });
    CHECK(h.call(2));
    CHECK(got == 2);
    h.clear();
    h.clear();
    CHECK_FALSE(h.call(3));
    CHECK(got == 2);
}

TEST_CASE("the previous function is destroyed when the next is set", "[hook]") {
    hook<> h;
    auto first = std::make_shared<int>();
    const std::weak_ptr<int> alive = first;
    h.set([first = std::move(first), owned = std::make_unique<int>()] {});
    CHECK_FALSE(alive.expired());
    h.set([] {});
    CHECK(alive.expired());
}

TEST_CASE("a function may replace itself, and lives until it returns", "[hook]") {
    hook<> h;
    std::string trace;
    auto owned = std::make_shared<char>('a');
    const std::weak_ptr<char> alive = owned;
    h.set([&, owned = std::move(owned)] {
        h.set([&] { trace += 'b'; });
        trace += *owned;
    });
    h.call();
    CHECK(alive.expired());
    h.call();
    CHECK(trace == "ab");
}

TEST_CASE("clearing waits for calls in progress on other threads", "[hook]") {
    hook<> h;
    eap::detail::parking<> inside;
    eap::detail::parking<> go_on;
    std::atomic<bool> returned{false};
    h.set([&] {
        inside.set();
        go_on.wait();
        returned = true;
    });
    std::thread caller{[&] { h.call(); }};
    inside.wait();
    std::promise<bool> cleared;
    std::thread clearer{[&] {
        h.clear();
        cleared.set_value(returned);
    }};
    go_on.set();
    CHECK(cleared.get_future().get());
    caller.join();
    clearer.join();
}

TEST_CASE("two threads inside the function may both clear it", "[hook]") {
    hook<> h;
    std::atomic<int> inside{0};
    h.set([&] {
        ++inside;
        while (inside < 2)
            std::this_thread::yield();
        h.clear();
    });
    std::thread other{[&] { h.call(); }};
    h.call();
    other.join();
    CHECK_FALSE(h.call());
}
