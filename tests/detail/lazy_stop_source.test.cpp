// SPDX-License-Identifier: BSL-1.0
#include "eap/detail/lazy_stop_source.hpp"

#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <atomic>
#include <cstddef>
#include <new>
#include <optional>
#include <stop_token>
#include <thread>

namespace {

using word = eap::detail::operation_word<>;
using source = eap::detail::lazy_stop_source<>;

} // namespace

TEST_CASE("a token is told of a later request", "[lazy_stop_source]") {
    word w;
    source s;
    const std::stop_token token = s.token(w);
    CHECK(token.stop_possible());
    CHECK_FALSE(token.stop_requested());
    w.request_stop();
    s.request_stop();
    CHECK(token.stop_requested());
}

TEST_CASE("a token made after the request is stopped from the start", "[lazy_stop_source][O-22]") {
    word w;
    source s;
    w.request_stop();
    s.request_stop();
    CHECK(s.token(w).stop_requested());
}

TEST_CASE("all tokens are of one source", "[lazy_stop_source]") {
    word w;
    source s;
    CHECK(s.token(w) == s.token(w));
}

TEST_CASE("a request without a token allocates nothing, and a second token neither",
          "[lazy_stop_source][G8]") {
    if (!tests::allocation_watch::works)
        return;
    word w;
    source s;
    std::size_t for_request = 0, for_first = 0, for_both = 0;
    {
        const tests::allocation_watch watch;
        w.request_stop();
        s.request_stop();
        for_request = watch.count();
        static_cast<void>(s.token(w));
        for_first = watch.count();
        static_cast<void>(s.token(w));
        for_both = watch.count();
    }
    CHECK(for_request == 0);
    CHECK(for_first > 0);
    CHECK(for_both == for_first);
}

TEST_CASE("when making the source fails, the next token makes it", "[lazy_stop_source]") {
    if (!tests::allocation_watch::works)
        return;
    for (std::size_t failing = 1; failing <= 2; ++failing) { // the source, and its shared state
        word w;
        source s;
        bool failed = false;
        {
            tests::allocation_watch watch;
            watch.fail(failing);
            try {
                static_cast<void>(s.token(w));
            } catch (const std::bad_alloc&) {
                failed = true;
            }
        }
        CHECK(failed);
        CHECK(s.token(w).stop_possible());
    }
}

TEST_CASE("stop callbacks run inside the request, on its thread", "[lazy_stop_source]") {
    word w;
    source s;
    std::thread::id ran_on;
    const std::stop_callback callback{s.token(w), [&] { ran_on = std::this_thread::get_id(); }};
    std::thread::id requester;
    std::thread{[&] {
        requester = std::this_thread::get_id();
        w.request_stop();
        s.request_stop();
    }}.join();
    CHECK(ran_on == requester);
}

TEST_CASE("a token outlives its source", "[lazy_stop_source]") {
    word w;
    std::optional<source> s{std::in_place};
    const std::stop_token token = s->token(w);
    w.request_stop();
    s->request_stop();
    s.reset();
    CHECK(token.stop_requested());
}

TEST_CASE("a request races the first token on real threads: it is never missed",
          "[lazy_stop_source][stress]") {
    int missed = 0;
    std::optional<word> w;
    std::optional<source> s;
    std::atomic<int> round{0}, ready{0};
    constexpr int rounds = 3000;
    std::thread requester{[&] {
        for (int i = 1; i <= rounds; ++i) {
            while (round.load() != i)
                std::this_thread::yield();
            w->request_stop();
            s->request_stop();
            ready = i;
        }
    }};
    for (int i = 1; i <= rounds; ++i) {
        w.emplace();
        s.emplace();
        round = i;
        const std::stop_token token = s->token(*w);
        while (ready.load() != i)
            std::this_thread::yield();
        missed += token.stop_requested() ? 0 : 1;
    }
    requester.join();
    CHECK(missed == 0);
}
