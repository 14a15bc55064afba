// SPDX-License-Identifier: BSL-1.0
//
// A thread that has to wait for work that comes home to it pumps until that is done: it sleeps while there is nothing to do,
// and runs each handler as it comes. Microsoft's samples spin on IsBusy with Application.DoEvents() for the one, and write a
// context of their own for the other.
#include "eap/background_worker.hpp"
#include "eap/contexts/event_loop.hpp"
#include "eap/current_context.hpp"
#include "eap/scoped_context.hpp"

#include <iostream>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace {

constexpr int parts = 10;

//! [download]
/// Downloads in the background, and returns when it is there; the bar moves meanwhile. How often something ran here?
int pump_until_downloaded(std::string& content, std::string& bar) {
    eap::event_loop loop;
    const eap::scoped_context here{loop.context()};

    eap::background_worker<void, std::string> download;
    download.set_worker_reports_progress(true);
    download.do_work += [&](auto& e) {
        std::string received;
        for (int part = 1; part <= parts; ++part) {
            received += "part " + std::to_string(part) + '\n';
            download.report_progress(100 * part / parts);
        }
        e.set_result(received);
    };
    download.progress_changed += [&](const auto&) { bar += '#'; };
    download.run_worker_completed += [&](const auto& e) { content = e.result(); };

    download.run_worker_async();
    int handled = 0;
    while (download.is_busy() && loop.run_one()) // sleeps until there is something to run
        ++handled;
    return handled;
}
//! [download]

/// The steps of something asynchronous: each is posted by the one before, to where that runs.
class steps {
  public:
    explicit steps(int total) : left_(total) {}

    void go_on() {
        {
            const std::lock_guard lock{mutex_};
            ++ran_on_[std::this_thread::get_id()];
        }
        if (--left_ != 0)
            eap::current_context().post([this] { go_on(); });
    }
    /// How many steps ran, when all did on this thread; 0 otherwise.
    int all_here() const {
        const std::lock_guard lock{mutex_};
        return ran_on_.size() == 1 && ran_on_.begin()->first == std::this_thread::get_id()
                   ? ran_on_.begin()->second
                   : 0;
    }

  private:
    int left_; // of the step that runs
    mutable std::mutex mutex_;
    std::map<std::thread::id, int> ran_on_; // guarded by mutex_
};

//! [console]
/// Ten thousand steps, all of them on this thread: a console program with a context of its own.
int pump_steps() {
    eap::event_loop loop;
    steps all{10'000};
    loop.context().post([&all] { all.go_on(); });
    loop.run(); // until no operation is outstanding, and nothing is queued
    return all.all_here();
}
//! [console]

} // namespace

int main() {
    std::string content, bar;
    const int handled = pump_until_downloaded(content, bar);
    std::cout << bar << "\ndownloaded " << content.size() << " bytes; something ran here " << handled
              << " times, at most " << parts + 1 << "\n";
    const int here = pump_steps();
    std::cout << "[1, " << here << "]\n"; // threads, and steps

    const bool as_expected = bar == std::string(parts, '#') && !content.empty() && handled >= 1 &&
                             handled <= parts + 1 && here == 10'000;
    std::cout << (as_expected ? "as expected\n" : "NOT as expected\n");
    return as_expected ? 0 : 1;
}
