// SPDX-License-Identifier: BSL-1.0
//
// A program of somebody else's: work runs on the shared pool, its result comes home to the main thread.
#include <eap/eap.hpp>

#include <iostream>
#include <thread>

int answer_computed_by_the_other_file();

int main() {
    const auto main_thread = std::this_thread::get_id();
    bool came_home = false;

    eap::event_loop loop;
    eap::operation_manager operations{loop.context()};
    eap::run_on(eap::thread_pool::shared(),
                operations.create_operation<int>(1,
                                                 [&](eap::completed_event_args<int> e) {
                                                     came_home = std::this_thread::get_id() == main_thread;
                                                     std::cout << "the answer is " << e.result() << '\n';
                                                 }),
                [] { return answer_computed_by_the_other_file(); });
    loop.run();
    return came_home ? 0 : 1;
}
