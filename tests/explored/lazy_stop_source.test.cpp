// SPDX-License-Identifier: BSL-1.0
//
// A stop source that is made while a stop is requested, in every execution.
#include "eap/detail/lazy_stop_source.hpp"

#include "explored/explored.hpp"

#include <stop_token>

namespace {

using tests::expect;
using tests::run_threads;
using word = eap::detail::operation_word<tests::explored_sync>;
using source = eap::detail::lazy_stop_source<tests::explored_sync>;

void ask(word& w, source& s) {
    w.request_stop();
    s.request_stop();
}

} // namespace

TEST_CASE("of a stop request and two that want tokens, every token is told",
          "[explored][lazy_stop_source][CN-1]") {
    tests::explore_all([] {
        word w;
        source s;
        std::stop_token tokens[2];
        run_threads([&] { ask(w, s); }, [&] { tokens[0] = s.token(w); }, [&] { tokens[1] = s.token(w); });
        expect(tokens[0].stop_requested() && tokens[1].stop_requested(), "a token is not told of the stop");
        expect(tokens[0] == tokens[1], "there are two sources");
    });
}

TEST_CASE("of two stop requests and one that wants a token, the token is told, whichever is recorded",
          "[explored][lazy_stop_source]") {
    tests::explore_all([] {
        word w;
        source s;
        std::stop_token token;
        run_threads([&] { ask(w, s); }, [&] { ask(w, s); }, [&] { token = s.token(w); });
        expect(token.stop_requested(), "the token is not told of the stop");
    });
}

TEST_CASE("a token is told of nothing while nobody asks", "[explored][lazy_stop_source]") {
    tests::explore_all([] {
        word w;
        source s;
        std::stop_token tokens[2];
        run_threads([&] { tokens[0] = s.token(w); }, [&] { tokens[1] = s.token(w); },
                    [&] { static_cast<void>(w.claim(word::claimant::worker)); });
        expect(!tokens[0].stop_requested() && tokens[0].stop_possible(), "told of a stop that nobody wants");
        expect(tokens[0] == tokens[1], "there are two sources");
    });
}
