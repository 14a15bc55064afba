// SPDX-License-Identifier: BSL-1.0
//
// What the calls of a script mean.
#include "fuzz/world.hpp"

namespace fuzz {

void world::play(unsigned thread) {
    for (std::size_t i = 0; i < script_.actions().size(); ++i)
        if (script_.actions()[i].thread == thread) {
            lab::checkpoint("the next call of the script");
            begun_.push_back(i);
            play(script_.actions()[i]);
        }
}

void world::play(const action& next) {
    switch (next.what) {
    case verb::create:
    case verb::create_and_run:
        create(next);
        break;
    case verb::create_plain:
        create_plain(next);
        break;
    case verb::report:
    case verb::report_by_reporter:
        report_progress(next);
        break;
    case verb::post_function:
        post_function(next);
        break;
    case verb::complete:
    case verb::fail:
    case verb::end_cancelled:
        end(next);
        break;
    case verb::drop:
        std::exchange(slots_.at(next.slot()), nullptr).reset();
        std::exchange(plain_.at(next.slot()), nullptr).reset();
        break;
    case verb::cancel:
        if (const auto manager = managers_.at(manager_of(next.home())))
            manager->cancel(key_of(next.id()));
        break;
    case verb::cancel_all:
        if (const auto manager = managers_.at(manager_of(next.home())))
            manager->cancel_all();
        break;
    case verb::look:
        look(next.slot(), next.id());
        break;
    case verb::begin_call:
        begin_call(next);
        break;
    case verb::end_call:
        end_call(held_calls_.at(next.slot()), next.way() % 2 == 0);
        break;
    case verb::wait_for_call:
        wait_for_call(next);
        break;
    case verb::wait_for_any_call:
        wait_for_any_call(next);
        break;
    case verb::cancel_call:
        if (const held_call which = held_calls_.at(next.slot()); which.it.has_value())
            which.it.cancel();
        break;
    case verb::drop_call:
        std::exchange(held_calls_.at(next.slot()), held_call{}) = {};
        break;
    case verb::start_method:
        start_method(next.way(), next.id(), next.home());
        break;
    case verb::cancel_method:
        if (const auto alive = many_; next.way() % 2 == 0 && alive != nullptr)
            alive->cancel(key_of(next.id()));
        else if (const auto single = one_; single != nullptr)
            single->cancel_all();
        break;
    case verb::drop_method:
        for (invocation_story& each : invocations_)
            each.may_vanish = true;
        if (next.way() % 2 == 0)
            std::exchange(many_, nullptr).reset();
        else
            std::exchange(one_, nullptr).reset();
        break;
    case verb::connect:
        connect(next);
        break;
    case verb::disconnect:
        if (const auto which = subscriptions_.at(next.slot())) {
            which->it.disconnect();
            which->is_disconnected = true;
            expect(which->running == 0, "a handler that was disconnected does not run on another thread");
            expect(which->handler.expired(), "what a disconnected handler holds is destroyed");
        }
        break;
    case verb::raise:
        raise();
        break;
    case verb::drop_event:
        std::exchange(event_, nullptr).reset();
        break;
    case verb::post_after:
        try {
            eap::post_after(context_of(next.home()), next.time(), [held = counted{}] {});
        } catch (const eap::context_closed&) {
            expect(is_closed(next.home()), "only a closed home refuses");
        }
        break;
    case verb::let_time_pass:
        lab::let_time_pass(next.time());
        break;
    case verb::poll_loop:
        pump([this] { return loop_->poll(); });
        break;
    case verb::run_loop:
        pump([&] { return loop_->run_for(next.time()); });
        break;
    case verb::end_receiver:
        end_receiver(next.receiver());
        break;
    case verb::wait_idle:
        if (const auto manager = managers_.at(manager_of(next.home())))
            try {
                manager->wait_idle_for(next.time());
            } catch (const eap::would_deadlock&) { // this thread has run the loop
            }
        break;
    case verb::on_idle:
        if (const auto manager = managers_.at(manager_of(next.home()))) {
            const eap::scoped_context here{context_of(next.home())};
            try {
                manager->on_idle([this, runs = std::make_shared<int>(0), held = counted{}] {
                    expect(++*runs == 1, "what waits until idle runs once");
                });
            } catch (const eap::context_closed&) {
                expect(is_closed(next.home()), "only a closed home refuses");
            }
        }
        break;
    case verb::close_manager:
        if (const auto manager = managers_.at(manager_of(next.home()))) {
            manager_is_closed_ = true;
            manager->close();
        }
        break;
    case verb::drop_manager:
        drop_manager(manager_of(next.home()));
        break;
    case verb::close_loop:
        close(home::loop);
        break;
    case verb::close_pool:
        close(home::pool);
        break;
    }
}

} // namespace fuzz
