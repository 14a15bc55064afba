// SPDX-License-Identifier: BSL-1.0
//
// One run, and what it finds out by itself.
#include <eap/testing/simulation.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace lab = eap::testing;

namespace {

struct usual final : lab::chooser {
    std::size_t choose(std::size_t ways, std::size_t natural) noexcept override {
        asked.emplace_back(ways, natural);
        return 0;
    }
    std::vector<std::pair<std::size_t, std::size_t>> asked;
};

} // namespace

TEST_CASE("a run ends when all its threads have ended", "[simulation]") {
    usual chooser;
    lab::detail::thread_cache threads;
    lab::simulation run{chooser, threads};
    int ended = 0;

    run.run([&] {
        for (int i = 0; i < 3; ++i)
            lab::simulation::current().start("one", [&ended] { ++ended; });
    });

    CHECK(ended == 3);
    CHECK_FALSE(run.found());
    CHECK_FALSE(run.is_stuck());
}

TEST_CASE("there is a choice only where there is more than one way on", "[simulation]") {
    usual chooser;
    lab::detail::thread_cache threads;
    lab::simulation run{chooser, threads};

    run.run([] {
        auto& here = lab::simulation::current();
        here.checkpoint("alone");
        const std::size_t other = here.start("other", [] {});
        here.checkpoint("not alone");
        here.join(other);
    });

    CHECK(chooser.asked == std::vector<std::pair<std::size_t, std::size_t>>{{2, 1}, {2, 1}});
    CHECK(run.steps() == 4);
}

TEST_CASE("the first thing that is wrong is what is found", "[simulation]") {
    usual chooser;
    lab::detail::thread_cache threads;
    lab::simulation run{chooser, threads};

    run.run([] {
        lab::simulation::current().start("worker", [] { throw std::runtime_error{"first"}; });
        lab::simulation::current().settle();
        throw 2;
    });

    REQUIRE(run.found());
    CHECK(run.found()->what == "the thread \"worker\" threw: first");
    CHECK_FALSE(run.is_stuck());
}

TEST_CASE("a thread that blocks for real is found by patience", "[simulation]") {
    usual chooser;
    auto& threads = *new lab::detail::thread_cache; // the blocked thread stays
    auto& run = *new lab::simulation{chooser, threads, {.patience = std::chrono::seconds{1}}};
    static std::atomic<bool> may_go_on{false};

    run.run([] {
        lab::simulation::current().checkpoint("about to block");
        may_go_on.wait(false);
    });

    CHECK(run.is_stuck());
    REQUIRE(run.found());
    CHECK(run.found()->what ==
          "the thread \"main\" has come to no step for 1 seconds since \"about to block\"; let it "
          "wait for nothing but the library, or be more patient when it has much to compute");
}
