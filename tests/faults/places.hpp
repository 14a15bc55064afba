// SPDX-License-Identifier: BSL-1.0
//
// The places on which the stories of the sweeps take place: pumped by the test, or a pool of one thread.
#ifndef EAP_TESTS_FAULTS_PLACES_HPP
#define EAP_TESTS_FAULTS_PLACES_HPP

#include "support/allocations.hpp"
#include "support/contexts.hpp"
#include "support/hostile_context.hpp"

#include <eap/any_synchronization_context.hpp>
#include <eap/contexts/asio_context.hpp>
#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/detail/parking.hpp>
#include <eap/detail/posted.hpp>

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>

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

/// Where a story takes place, and all that it knows of it.
class place {
  public:
    place() = default;
    place(const place&) = delete;
    place& operator=(const place&) = delete;
    virtual ~place() = default;

    /// A home there that fails as `failures` says, and counts its notifications.
    virtual eap::any_synchronization_context
    home(const std::shared_ptr<post_failures>& failures,
         const std::shared_ptr<notification_counts>& counts) const = 0;
    /// Runs what was posted, as far as it takes for what follows from that. Allocates nothing: it is part of the story.
    virtual void pump() = 0;
    /// Whether the story is over, when all has run.
    virtual bool settle(const std::function<bool()>& over) {
        pump();
        return over();
    }
};

template <class Context>
eap::any_synchronization_context failing_home(const Context& context,
                                              const std::shared_ptr<post_failures>& failures,
                                              const std::shared_ptr<notification_counts>& counts) {
    return counting_context{failing_context{context, failures}, counts};
}

class event_loop_place final : public place {
  public:
    static constexpr const char* name = "event_loop";
    eap::any_synchronization_context home(const std::shared_ptr<post_failures>& failures,
                                          const std::shared_ptr<notification_counts>& counts) const override {
        return failing_home(loop_.context(), failures, counts);
    }
    void pump() override {
        run_all_of([this] { return loop_.poll(); });
    }

  private:
    eap::event_loop loop_;
};

class io_context_place final : public place {
  public:
    static constexpr const char* name = "io_context";
    eap::any_synchronization_context home(const std::shared_ptr<post_failures>& failures,
                                          const std::shared_ptr<notification_counts>& counts) const override {
        return failing_home(lent_, failures, counts);
    }
    void pump() override {
        run_all_of([this] {
            io_.restart();
            return io_.poll();
        });
    }

  private:
    boost::asio::io_context io_;
    eap::asio_context<boost::asio::io_context::executor_type> lent_{io_.get_executor()};
};

/// A user's context, which needs memory for each post; all that is known of it is that it is some context.
class erased_place final : public place {
  public:
    static constexpr const char* name = "any_synchronization_context";
    eap::any_synchronization_context home(const std::shared_ptr<post_failures>& failures,
                                          const std::shared_ptr<notification_counts>& counts) const override {
        return failing_home(eap::any_synchronization_context{queue_.context()}, failures, counts);
    }
    void pump() override {
        run_all_of([this] { return queue_.run_all(); });
    }

  private:
    manual_queue queue_;
};

class thread_pool_place final : public place {
  public:
    thread_pool_place() {
        pool_.on_exception([](const std::exception_ptr&) {});
    }
    static constexpr const char* name = "thread_pool";
    eap::any_synchronization_context home(const std::shared_ptr<post_failures>& failures,
                                          const std::shared_ptr<notification_counts>& counts) const override {
        return failing_home(pool_.context(), failures, counts);
    }
    void pump() override {
        for (int round = 0; round < 8; ++round)
            on_its_thread([] {});
    }
    /// Lets the pool come round until the story is over.
    bool settle(const std::function<bool()>& over) override {
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
        static_cast<void>(eap::detail::post_target(pool_.context(), there));
        there.over.wait();
    }

  private:
    eap::thread_pool pool_{1};
};

} // namespace tests

#endif
