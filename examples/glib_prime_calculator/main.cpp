// SPDX-License-Identifier: BSL-1.0
//
// The component of the console program and of the Qt window once more, at home in a main loop of GLib, as in a GTK program.
// It answers what Microsoft's sample answered when it was recorded, and ends by itself: its exit status is the verdict.
#include "../prime_calculator/primality.hpp"
#include "../prime_calculator/prime_number_calculator.hpp"
#include "../prime_calculator/recorded_table.hpp"

#include <eap/completed_event_args.hpp>
#include <eap/contexts/glib_context.hpp>
#include <eap/progress_changed_event_args.hpp>
#include <eap/scoped_context.hpp>

#include <cstddef>
#include <exception>
#include <iostream>
#include <memory>
#include <span>
#include <vector>

namespace {

using namespace primes;

class form {
  public:
    explicit form(std::span<const recorded_task> tasks) : tasks_(tasks), reports_(tasks.size()) {
        calculator_.calculate_prime.progress_changed += [this](const auto& e) { progress_changed(e); };
        calculator_.calculate_prime.completed += [this](const auto& e) { completed(e); };
    }

    /// True when all answered as recorded.
    bool run() {
        for (std::size_t each = 0; each != tasks_.size(); ++each)
            calculator_.calculate_prime.start(tasks_[each].test_number, {}, each);
        g_main_loop_run(loop_.get());
        return all_is_well_;
    }

  private:
    void progress_changed(const eap::progress_changed_event_args<number>& e) {
        ++reports_.at(e.user_state().get<std::size_t>());
    }
    void completed(const eap::completed_event_args<primality>& e) {
        const auto which = e.user_state().get<std::size_t>();
        const recorded_task& recorded = tasks_[which];
        const primality found = e.result();
        std::cout << found.number_to_test << ": first divisor " << found.first_divisor << ", "
                  << reports_[which] << " reports\n";
        all_is_well_ = all_is_well_ && found.first_divisor == recorded.first_divisor &&
                       reports_[which] == recorded.reports;
        if (++ended_ == tasks_.size())
            g_main_loop_quit(loop_.get());
    }

    const std::span<const recorded_task> tasks_;
    std::vector<int> reports_;
    std::size_t ended_ = 0;
    bool all_is_well_ = true;
    const std::unique_ptr<GMainLoop, decltype(&g_main_loop_unref)> loop_{g_main_loop_new(nullptr, FALSE),
                                                                         &g_main_loop_unref};
    prime_number_calculator calculator_{{.name = "calculate_prime"}};
};

} // namespace

int main() {
    try {
        const eap::glib_loop home;                      // the default main context's, as GTK's
        const eap::scoped_context here{home.context()}; // whatever this thread starts comes home to it
        return form{recorded_table}.run() ? 0 : 1;
    } catch (const std::exception& error) {
        std::cerr << "glib_prime_calculator: " << error.what() << '\n';
        return 1;
    }
}
