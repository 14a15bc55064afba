// SPDX-License-Identifier: BSL-1.0
//
// Operations: made, worked on, ended, looked at.
#include "fuzz/world.hpp"

namespace fuzz {

operation_story& world::new_story(unsigned key, fuzz::home at, fuzz::receiver listener) {
    operation_story& made = operations_.emplace_back();
    made.id = task{key, operations_.size() - 1};
    made.name = std::to_string(operations_.size() - 1);
    made.at = at;
    made.listener = listener;
    return made;
}

void world::create(const action& how, fuzz::mischief trick) {
    const std::size_t by = manager_of(how.home());
    const auto manager = managers_.at(by);
    if (manager == nullptr)
        return;
    const fuzz::home at = how.home() == home::managers_own ? home::loop : how.home();
    operation_story& of = new_story(how.id(), at, how.receiver());
    of.runs_on_pool = how.what == verb::create_and_run;
    of.has_deadline = how.time_out() != 0;
    eap::operation_options options;
    options.name = of.name.c_str();
    if (of.has_deadline)
        options.timeout = how.time();
    if (!of.runs_on_pool && how.delivery() == 1)
        options.progress = eap::progress_delivery::latest();
    if (!of.runs_on_pool && how.delivery() == 2)
        options.progress = eap::progress_delivery::at_most_every(10ms);
    of.keeps_every = options.progress.keeps_every();
    if (at == home::inside_post && trick == mischief::throw_something)
        trick = mischief::none; // where nobody called, such an exception ends the program, and has to
    const bool has_namesake = std::ranges::any_of(operations_, [&](const operation_story& each) {
        return &each != &of && each.id.key == how.id() && !each.is_over();
    });
    const eap::scoped_context here{context_of(at)};
    with_receiver(
        how.receiver(),
        [&](auto completed, auto progress) {
            try {
                auto made = manager->create_operation<value, report>(
                    how.id() == 0 ? eap::user_state{} : eap::user_state{of.id}, std::move(completed),
                    std::move(progress), options);
                of.is_created = true;
                owners_.resize(operations_.size(), 0);
                owners_.at(of.id.of) = by;
                note_replaced(by, of);
                if (of.runs_on_pool)
                    run(std::move(made), of, how);
                else
                    std::exchange(slots_.at(how.slot()), std::make_shared<held>(of, std::move(made))).reset();
            } catch (const eap::context_closed&) {
                expect(is_closed(at), "only a closed home refuses an operation");
            } catch (const eap::duplicate_task_id&) {
                expect(how.id() != 0 && (has_namesake || operations_.size() != of.id.of + 1),
                       "only a pending id is refused");
            } catch (const eap::invalid_operation&) {
                expect(manager_is_closed_, "only a closed manager refuses an operation");
            }
        },
        [this, &of, trick, held = counted{}](const eap::completed_event_args<value>& outcome) {
            hear(of, outcome, trick);
        },
        [this, &of, trick, held = counted{}](const eap::progress_changed_event_args<report>& what) {
            hear(of, what, trick);
        });
}

void world::note_replaced(std::size_t manager, const operation_story& by) {
    if (by.id.key == 0 || by.is_over())
        return;
    for (std::size_t i = 0; i < by.id.of; ++i)
        if (operation_story& each = operations_[i]; each.id.key == by.id.key && each.is_created &&
                                                    !each.is_over() && i < owners_.size() &&
                                                    owners_[i] == manager && !each.is_plain)
            each.is_replaced = true;
}

void world::run(operation made, operation_story& of, const action& how) {
    eap::run_on(*pool_context_, std::move(made),
                [this, &of, way = how.delivery(), slot = how.slot(), held = counted{}](operation& op) {
                    op.report_progress(1, report{4, of.next[4]++});
                    lab::checkpoint("inside the work");
                    switch (way) {
                    case 0:
                        throw thrown_by_work{};
                    case 1: { // and it goes on elsewhere
                        of.runs_on_pool = true;
                        std::exchange(slots_.at(slot), std::make_shared<fuzz::world::held>(of, std::move(op)))
                            .reset();
                        return value{0};
                    }
                    case 2:
                        if (op.cancellation_pending())
                            throw eap::operation_cancelled{};
                        break;
                    default:
                        op.report_progress(2, report{4, of.next[4]++});
                    }
                    return value{1};
                });
}

void world::create_plain(const action& how) {
    const std::size_t by = manager_of(how.home());
    const auto manager = managers_.at(by);
    if (manager == nullptr)
        return;
    const fuzz::home at = how.home() == home::managers_own ? home::loop : how.home();
    operation_story& of = new_story(how.id() == 0 ? 0 : 100 + how.id(), at, receiver::none);
    of.is_plain = true;
    const eap::scoped_context here{context_of(at)};
    try {
        auto made = manager->create_operation(of.id.key == 0 ? eap::user_state{} : eap::user_state{of.id});
        of.is_created = true;
        std::exchange(plain_.at(how.slot()), std::make_shared<held_plain>(of, std::move(made))).reset();
    } catch (const eap::context_closed&) {
        expect(is_closed(at), "only a closed home refuses an operation");
    } catch (const eap::duplicate_task_id&) {
        expect(of.id.key != 0, "no id is never pending");
    } catch (const eap::invalid_operation&) {
        expect(manager_is_closed_, "only a closed manager refuses an operation");
    }
}

void world::report_progress(const action& how) {
    const auto which = slots_.at(how.slot());
    if (which == nullptr)
        return;
    operation_story& of = which->of;
    const bool was_won = of.wins != 0;
    const int number = of.next.at(how.thread)++;
    bool accepted = false;
    if (how.what == verb::report_by_reporter) {
        accepted = which->it.reporter().report_progress(number, report{how.thread, number});
    } else {
        try {
            accepted = which->it.report_progress(number, report{how.thread, number});
            expect(!was_won, "a report after the worker's own completion is refused by an exception");
        } catch (const eap::invalid_operation&) {
            expect(of.wins + of.completing != 0 || of.runs_on_pool, "a report is not refused for nothing");
        }
    }
    expect(!accepted || !was_won, "no report is accepted after the completion");
    if (accepted) {
        ++of.accepted;
        ++of.accepted_of.at(how.thread);
        of.accepted_last.at(how.thread) = std::max(of.accepted_last.at(how.thread), number);
    }
}

void world::post_function(const action& how) {
    if (const auto which = slots_.at(how.slot())) {
        try {
            which->it.post([this, &of = which->of, held = counted{}] {
                const visit here{*this};
                expect(of.outcomes == 0, "no function after the completion");
            });
        } catch (const eap::invalid_operation&) {
        }
    }
    if (const auto which = plain_.at(how.slot())) {
        try {
            const bool accepted = which->it.post([this, &of = which->of, held = counted{}] {
                const visit here{*this};
                expect(of.outcomes == 0, "no function after the last one");
                ++of.functions_run;
            });
            which->of.functions_accepted += accepted ? 1 : 0;
        } catch (const eap::invalid_operation&) {
            expect(which->of.wins + which->of.completing != 0, "a function is not refused for nothing");
        }
    }
}

void world::end(const action& how) {
    if (const auto which = slots_.at(how.slot()))
        end(which->of, [&] {
            switch (how.what) {
            case verb::fail:
                return std::pair{which->it.complete_error(thrown_by_work{}), ending::error};
            case verb::end_cancelled:
                return std::pair{which->it.complete_cancelled(), ending::cancelled};
            default: // the value of one of them cannot be made
                return std::pair{which->it.complete(how.way() == 15 ? -1 : 1),
                                 how.way() == 15 ? ending::error : ending::value};
            }
        });
    if (const auto which = plain_.at(how.slot()))
        end(which->of, [&] {
            if (how.what == verb::end_cancelled)
                return std::pair{which->it.operation_completed(), ending::value};
            if (how.what == verb::fail)
                return std::pair{which->it.complete_error(thrown_by_work{}), ending::error};
            const bool won = which->it.post_operation_completed([this, &of = which->of, held = counted{}] {
                const visit here{*this};
                ++of.outcomes;
            });
            which->of.has_last_function = which->of.has_last_function || won;
            return std::pair{won, ending::value};
        });
}

template <class End> void world::end(operation_story& of, End how) {
    const bool was_won = of.wins != 0;
    ++of.completing;
    try {
        const auto [won, as] = how();
        expect(!was_won, "a completion after the worker's own is refused by an exception");
        if (won) {
            ++of.wins;
            of.won = as;
        }
    } catch (const eap::invalid_operation&) {
        expect(of.wins + of.completing > 1 || of.runs_on_pool, "a completion is not refused for nothing");
    }
    --of.completing;
}

void world::look(unsigned slot, unsigned id) {
    for (const auto& manager : std::array{managers_.at(0), managers_.at(1)})
        if (manager != nullptr) {
            static_cast<void>(manager->pending());
            static_cast<void>(manager->is_pending(key_of(id)));
            static_cast<void>(manager->pending_operations());
        }
    if (const auto which = slots_.at(slot)) {
        const auto token = which->it.stop_token();
        expect(!token.stop_requested() || which->it.cancellation_pending(),
               "a token tells what its operation tells");
        expect(which->of.wins == 0 || which->it.completed(), "an operation that was completed says so");
    }
    if (const auto alive = one_)
        static_cast<void>(alive->is_busy());
    if (const held_call which = held_calls_.at(slot); which.it.has_value())
        static_cast<void>(which.it.is_completed());
}

} // namespace fuzz
