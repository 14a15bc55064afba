// SPDX-License-Identifier: BSL-1.0
//
// Work runs on a pool thread; its progress, and its one completion, come home to the thread that runs the
// loop. The program in the region is complete. What stands around it proves that it writes what is said here,
// and that no other thread than the main thread writes.
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <streambuf>
#include <string>
#include <thread>

const std::string expected = R"(
//! [output]
25 %
50 %
75 %
100 %
the sum is 10
//! [output]
)";

//! [program]
#include <eap/contexts/event_loop.hpp>
#include <eap/contexts/thread_pool.hpp>
#include <eap/operation_manager.hpp>
#include <eap/run_on.hpp>

#include <iostream>
#include <utility>

int main() {
    eap::event_loop loop; // home: handlers run on the thread that runs it
    eap::operation_manager operations{loop.context()};

    auto sum = operations.create_operation<int>(
        "sum", // the task id
        [](eap::completed_event_args<int> e) { std::cout << "the sum is " << e.result() << '\n'; },
        [](const eap::progress_changed_event_args<>& e) { std::cout << e.progress_percentage() << " %\n"; });

    eap::run_on(eap::thread_pool::shared(), std::move(sum), [](auto& self) {
        int total = 0;
        for (int i = 1; i <= 4; ++i) {
            total += i;
            self.report_progress(25 * i);
        }
        return total;
    });

    loop.run(); // until nothing is outstanding
}
//! [program]

namespace {

/// Stands for std::cout's buffer for as long as the program runs; what differs becomes the exit status.
class proof : std::stringbuf {
  public:
    proof() : screen_(std::cout.rdbuf(this)) {}
    ~proof() override {
        std::cout.rdbuf(screen_);
        std::cout << str() << std::flush;
        if (strayed_ || "\n//! [output]\n" + str() + "//! [output]\n" != expected)
            std::_Exit(EXIT_FAILURE);
    }

  private:
    int_type overflow(int_type c) override {
        check_thread();
        return std::stringbuf::overflow(c);
    }
    std::streamsize xsputn(const char* text, std::streamsize length) override {
        check_thread();
        return std::stringbuf::xsputn(text, length);
    }
    void check_thread() { strayed_ = strayed_ || std::this_thread::get_id() != main_thread_; }

    const std::thread::id main_thread_ = std::this_thread::get_id();
    bool strayed_ = false;
    std::streambuf* screen_;
} listening;

} // namespace
