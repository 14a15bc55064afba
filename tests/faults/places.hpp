// SPDX-License-Identifier: BSL-1.0
//
// The places on which the stories of the sweeps take place: pumped by the test, or a pool of one thread.
#ifndef EAP_TESTS_FAULTS_PLACES_HPP
#define EAP_TESTS_FAULTS_PLACES_HPP

#include "support/allocations.hpp"
#include "support/contexts.hpp"

#include <eap/any_synchronization_context.hpp>
#include <eap/contexts/asio_context.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/detail/parking.hpp>
#include <eap/detail/posted.hpp>

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace tests {

/// Calls `run_some` until that runs no more. What handlers throw, as far as this is about, has been counted by then.
template <class RunSome> void run_all_of(RunSome run_some) {
    for (bool again = true; again;) {
        try {
            again = run_some() != 0;
        } catch (const std::exception&) {
        }
    }
}

struct event_loop_place {
    using context_type = eap::event_loop::context_type;
    static constexpr const char* name = "event_loop";
    static constexpr bool is_pumped = true;
    context_type context() const { return loop.context(); }
    void pump() {
        run_all_of([this] { return loop.poll(); });
    }
    template <class Over> bool settle(Over over) {
        pump();
        return over();
    }
    eap::event_loop loop;
};

struct io_context_place {
    using context_type = eap::asio_context<boost::asio::io_context::executor_type>;
    static constexpr const char* name = "io_context";
    static constexpr bool is_pumped = true;
    context_type context() const { return lent; }
    void pump() {
        run_all_of([this] {
            io.restart();
            return io.poll();
        });
    }
    template <class Over> bool settle(Over over) {
        pump();
        return over();
    }
    boost::asio::io_context io;
    context_type lent{io.get_executor()};
};

/// A user's context, which needs memory for each post; all that is known of it is that it is some context.
struct erased_place {
    using context_type = eap::any_synchronization_context;
    static constexpr const char* name = "any_synchronization_context";
    static constexpr bool is_pumped = true;
    context_type context() const { return queue.context(); }
    void pump() {
        run_all_of([this] { return queue.run_all(); });
    }
    template <class Over> bool settle(Over over) {
        pump();
        return over();
    }
    manual_queue queue;
};

struct thread_pool_place {
    using context_type = eap::thread_pool::context_type;
    static constexpr const char* name = "thread_pool";
    static constexpr bool is_pumped = false;
    thread_pool_place() {
        pool.on_exception([](const std::exception_ptr&) {});
    }
    context_type context() const { return pool.context(); }
    /// As long as it takes for what follows from what was posted. Allocates nothing: it is part of the story.
    void pump() {
        for (int round = 0; round < 8; ++round)
            on_its_thread([] {});
    }
    /// Lets the pool come round until the story is over.
    template <class Over> bool settle(Over over) {
        for (int round = 0; round < 10'000 && !over(); ++round)
            pump();
        pump();
        return over();
    }
    template <class F> void on_its_thread(F function) {
        struct visit final : eap::detail::postable {
            explicit visit(F& f) : body(f) {}
            void run_posted() override {
                body();
                over.set();
            }
            void dropped() noexcept override {}
            F& body;
            eap::detail::parking<> over;
        };
        visit there{function};
        static_cast<void>(eap::detail::post_target(pool.context(), there));
        there.over.wait();
    }
    eap::thread_pool pool{1};
};

} // namespace tests

#endif
