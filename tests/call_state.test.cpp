// SPDX-License-Identifier: BSL-1.0
#include <eap/call_state.hpp> // first: proves that the header stands alone

#include "support/catch.hpp"

#include "support/client.hpp"
#include "support/contexts.hpp"

#include <eap/adaptors/asio_token.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/current_context.hpp>
#include <eap/delegate.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/system_executor.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

// Who begins a call, in every order that two of them can come in: its ticket, a thread that waits for it, cancel, the place
// that loses the ticket. A queue pumped by hand is the place, so each order is forced.

using namespace std::chrono_literals;

namespace {

/// A place that says whose thread it is.
class owned_context {
  public:
    owned_context(tests::manual_context queue, std::shared_ptr<std::optional<bool>> is_ours)
        : queue_(std::move(queue)), is_ours_(std::move(is_ours)) {}

    template <class F> void post(F&& function) const { queue_.post(std::forward<F>(function)); }
    std::optional<bool> running_in_this_thread() const { return *is_ours_; }
    bool operator==(const owned_context&) const = default;

  private:
    tests::manual_context queue_;
    std::shared_ptr<std::optional<bool>> is_ours_;
};
static_assert(eap::synchronization_context<owned_context>);

/// A place that wants room for a node of its own, from the allocator of what is posted.
class large_node_context {
  public:
    explicit large_node_context(tests::manual_context queue) : queue_(std::move(queue)) {}

    template <class F> void post(F&& function) const {
        if constexpr (requires { function.get_allocator(); }) {
            using allocator = decltype(function.get_allocator());
            typename std::allocator_traits<allocator>::template rebind_alloc<std::byte> memory{
                function.get_allocator()};
            memory.deallocate(memory.allocate(large), large);
        }
        queue_.post(std::forward<F>(function));
    }
    bool operator==(const large_node_context&) const = default;

  private:
    static constexpr std::size_t large = 4096;
    tests::manual_context queue_;
};

struct place {
    tests::manual_queue queue;
    std::shared_ptr<std::optional<bool>> is_ours = std::make_shared<std::optional<bool>>(true);
    int runs = 0;

    owned_context context() const { return {queue.context(), is_ours}; }
    eap::async_call<int()> begin() {
        return eap::begin_invoke(context(), [this] { return ++runs; });
    }
};

std::string ended(const eap::async_call<int()>& call) { return tests::told(call.try_end_invoke()); }

} // namespace

// ---- the ticket ----

TEST_CASE("a ticket begins the call", "[call_state][DG-4]") {
    place at;
    const auto call = at.begin();
    CHECK_FALSE(call.is_completed());
    CHECK(at.queue.run_all() == 1);
    CHECK(call.is_completed());
    CHECK(ended(call) == "value 1");
}

TEST_CASE("a ticket that a context runs twice begins the call once", "[call_state]") {
    int runs = 0;
    const auto call = eap::begin_invoke(tests::scripted_context{[](const std::function<void()>& function) {
                                            function();
                                            function();
                                        }},
                                        [&] { return ++runs; });
    CHECK(ended(call) == "value 1");
    CHECK(runs == 1);
}

// ---- a thread that waits ----

TEST_CASE("a thread of the place runs the call that it waits for, and the ticket leaves it alone",
          "[call_state][DG-25][O-15]") {
    place at;
    const auto call = at.begin();
    call.wait();
    CHECK(at.runs == 1);
    CHECK(at.queue.run_all() == 1);
    CHECK(at.runs == 1);
    CHECK(ended(call) == "value 1");
}

TEST_CASE("a ticket that is lost after a waiting thread began is no loss", "[call_state]") {
    place at;
    const auto call = at.begin();
    call.wait();
    at.queue.close();
    CHECK(ended(call) == "value 1");
}

TEST_CASE("a thread of another place, or of one that cannot tell, waits for the ticket", "[call_state]") {
    for (const std::optional<bool> answer : {std::optional{false}, std::optional<bool>{}}) {
        place at;
        *at.is_ours = answer;
        const auto call = at.begin();
        std::thread::id ran_on;
        std::thread other{[&] {
            ran_on = std::this_thread::get_id();
            while (!at.queue.run_one())
                std::this_thread::yield();
        }};
        call.wait();
        other.join();
        CHECK(ran_on != std::this_thread::get_id());
        CHECK(at.runs == 1);
    }
}

TEST_CASE("a wait with a limit never runs the call", "[call_state][WH-4]") {
    place at;
    const auto call = at.begin();
    CHECK_FALSE(call.wait_for(0s));
    CHECK_FALSE(call.wait_for(1ms));
    CHECK_FALSE(call.wait_until(std::chrono::system_clock::now() + 1ms));
    CHECK(at.runs == 0);
}

TEST_CASE("the place is the current context while a waiting thread runs its call", "[call_state]") {
    place at;
    bool was_current = false;
    const auto call = eap::begin_invoke(at.context(), [&] {
        const auto* const current = eap::scoped_context::current();
        was_current = current != nullptr && *current == eap::any_synchronization_context{at.context()};
    });
    call.wait();
    CHECK(was_current);
    CHECK(eap::scoped_context::current() == nullptr);
}

TEST_CASE("an event loop's thread does not run a call out of turn while another thread runs the loop",
          "[call_state][G5]") {
    eap::event_loop loop;
    loop.poll(); // from here on, this is the loop's thread ...
    std::latch inside{1}, go_on{1};
    loop.context().post([&] {
        inside.count_down();
        go_on.wait();
    });
    std::thread other{[&] { loop.run(); }}; // ... and now that is
    inside.wait();
    bool overlapped = false;
    const auto call = eap::begin_invoke(loop.context(), [&] { overlapped = !go_on.try_wait(); });
    std::thread releases{[&] { go_on.count_down(); }};
    call.wait();
    releases.join();
    other.join();
    CHECK_FALSE(overlapped);
}

TEST_CASE("a target may drop the handle that its waiter waits by, and its place the ticket",
          "[call_state][G12]") {
    place at;
    std::optional<eap::async_call<int()>> handle;
    handle = eap::begin_invoke(at.context(), [&] {
        handle.reset();
        at.queue.drop_all();
        return 7;
    });
    CHECK(handle->end_invoke() == 7);
}

TEST_CASE("what the call holds dies with its last handle, however long its ticket is queued",
          "[call_state][G14]") {
    place at;
    const auto held = std::make_shared<int>();
    {
        const auto call =
            eap::begin_invoke(at.context(), [](std::shared_ptr<int> kept) { return kept; }, held);
        call.wait();
        CHECK(held.use_count() > 1);
    }
    CHECK(held.use_count() == 1);
    CHECK(at.queue.size() == 1);
}

TEST_CASE("the place is the current context of a target that runs on a foreign one", "[call_state]") {
    place at;
    bool was_current = false;
    const auto call = eap::begin_invoke(at.context(), [&] {
        was_current = eap::current_context() == eap::any_synchronization_context{at.context()};
    });
    at.queue.run_all();
    CHECK(was_current);
}

// ---- cancel ----

TEST_CASE("a call that is cancelled before it begins is complete at once, and its ticket does nothing",
          "[call_state][O-22]") {
    place at;
    const auto call = at.begin();
    CHECK(call.cancel());
    CHECK(call.is_completed());
    at.queue.run_all();
    CHECK(at.runs == 0);
    CHECK(ended(call) == "cancelled");
}

TEST_CASE("a ticket that is lost after the cancellation makes it no abandonment", "[call_state][G7]") {
    place at;
    const auto call = at.begin();
    call.cancel();
    at.queue.close();
    CHECK(ended(call) == "cancelled");
}

TEST_CASE("a call that runs is asked to stop, and has the last word", "[call_state][CN-1]") {
    place at;
    std::optional<eap::async_call<int()>> self;
    bool recorded = false, repeated = true, seen = false;
    self = eap::begin_invoke(at.context(), [&](const std::stop_token& stop) {
        recorded = self->cancel();
        repeated = self->cancel();
        seen = stop.stop_requested();
        return 7;
    });
    at.queue.run_all();
    CHECK(recorded);
    CHECK_FALSE(repeated);
    CHECK(seen);
    CHECK(ended(*self) == "value 7");
}

TEST_CASE("what a cancellation sets off may drop the handle that it was asked by", "[call_state][G12][G14]") {
    place at;
    std::optional<eap::async_call<int()>> only = at.begin();
    bool recorded = false;
    SECTION("the call has not begun: who continues it when it is complete") {
        eap::async_end_invoke(*only, boost::asio::bind_executor(boost::asio::system_executor{},
                                                                [&](const std::exception_ptr&, int) {
                                                                    at.queue.run_all(); // the ticket is gone
                                                                    only.reset();
                                                                }));
        recorded = only->cancel();
    }
    SECTION("the call runs: who hears of the stop") {
        only = eap::begin_invoke(at.context(), [&](const std::stop_token& stop) {
            const std::stop_callback on_stop{stop, [&] { only.reset(); }};
            recorded = only->cancel();
            return 1;
        });
        at.queue.run_all();
    }
    CHECK(recorded);
    CHECK_FALSE(only.has_value());
}

TEST_CASE("a call that is complete is not cancelled any more", "[call_state][CN-6]") {
    place at;
    const auto call = at.begin();
    at.queue.run_all();
    CHECK_FALSE(call.cancel());
    CHECK(ended(call) == "value 1");
}

// ---- the place loses the ticket ----

TEST_CASE("a place that loses the ticket abandons the call", "[call_state][G4]") {
    place at;
    const auto call = at.begin();
    at.queue.close();
    CHECK(at.runs == 0);
    CHECK(ended(call) == "abandoned");
}

TEST_CASE("a place that drops the ticket within its post abandons the call", "[call_state][G4]") {
    const auto call = eap::begin_invoke(tests::dropping_context{}, [] { return 7; });
    CHECK(ended(call) == "abandoned");
}

TEST_CASE("a place whose own node is large gets memory for it from the call", "[call_state]") {
    place at;
    const auto call = eap::begin_invoke(large_node_context{at.queue.context()}, [&at] { return ++at.runs; });
    at.queue.run_all();
    CHECK(ended(call) == "value 1");
}

// ---- a start that is refused ----

TEST_CASE("a place that refuses the ticket makes beginning fail; the home is told of a start and an end, and "
          "of nothing else",
          "[call_state][DG-19][G9][G10]") {
    tests::manual_queue home;
    const auto counts = std::make_shared<tests::notification_counts>();
    const eap::scoped_context here{tests::counting_context<>{home.context(), counts}};
    const auto held = std::make_shared<int>();
    int callbacks = 0;
    const eap::delegate<void()> target{[held] {}};

    CHECK_THROWS_AS(
        target.on(tests::throwing_context{}).begin_invoke([&callbacks, held](const auto&) { ++callbacks; }),
        tests::post_refused);

    CHECK(home.run_all() == 0);
    CHECK(callbacks == 0);
    CHECK(counts->started == 1);
    CHECK(counts->completed == 1);
    CHECK(held.use_count() == 2); // the target's and ours: the call is gone
}

TEST_CASE("a home that refuses the call makes beginning fail, and nothing is queued",
          "[call_state][SC-20][G9]") {
    tests::manual_queue home;
    const auto counts = std::make_shared<tests::notification_counts>();
    counts->refusals = 1;
    place at;
    const eap::scoped_context here{tests::counting_context<>{home.context(), counts}};
    const eap::delegate<void()> target{[] {}};

    CHECK_THROWS_AS(target.on(at.context()).begin_invoke([](const auto&) {}), tests::post_refused);

    CHECK(at.queue.size() == 0);
    CHECK(counts->started == 0);
    CHECK(counts->completed == 0);
}

TEST_CASE("a call without a callback has no home to tell", "[call_state]") {
    tests::manual_queue home;
    const auto counts = std::make_shared<tests::notification_counts>();
    place at;
    const eap::scoped_context here{tests::counting_context<>{home.context(), counts}};
    const auto call = at.begin();
    at.queue.run_all();
    CHECK(call.is_completed());
    CHECK(counts->started == 0);
    CHECK(counts->completed == 0);
    CHECK(home.size() == 0);
}

// ---- ending ----

TEST_CASE("when a callback on an inline home throws out of an end, the outcome is still to be had",
          "[call_state][G11]") {
    place at;
    eap::async_call<int()> call;
    {
        const eap::scoped_context here{tests::inline_context{}};
        const eap::delegate<int()> target{[] { return 7; }};
        call =
            target.on(at.context()).begin_invoke([](const auto&) { throw std::runtime_error{"callback"}; });
    }
    CHECK_THROWS_AS(call.end_invoke(), std::runtime_error);
    CHECK_FALSE(call.end_invoke_called());
    CHECK(call.end_invoke() == 7);
}

// ---- who is left to care ----

TEST_CASE("the call goes on when its last handle has died", "[call_state]") {
    place at;
    at.begin();
    at.queue.run_all();
    CHECK(at.runs == 1);
}

TEST_CASE("a call that is queued keeps itself; when it has run, nothing does", "[call_state][LF-6][G14]") {
    place at;
    const auto held = std::make_shared<int>();
    eap::begin_invoke(at.context(), [held] {});
    CHECK(held.use_count() == 2);
    at.queue.run_all();
    CHECK(held.use_count() == 1);
}

TEST_CASE("a stale ticket keeps the memory of its call, and nobody's error waits for it",
          "[call_state][O-2]") {
    place at;
    tests::record log;
    eap::on_unobserved_error([log](const eap::unobserved_error& what) { log.add(tests::told(what.error)); });
    {
        const auto call = eap::begin_invoke(at.context(), [] { throw std::runtime_error{"lost"}; });
        call.wait(); // runs it here; its ticket stays in the queue
        CHECK(log.all().empty());
    }
    CHECK(log.all() == tests::lines{"error: lost"});
    CHECK(at.queue.run_all() == 1);
    CHECK(log.all() == tests::lines{"error: lost"});
    eap::on_unobserved_error(nullptr);
}
