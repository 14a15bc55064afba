// SPDX-License-Identifier: BSL-1.0
//
// SDL 2: work comes home to the loop of a game by one event of its own, whatever is posted. Needs no display to be shown.
#include "eap/completed_event_args.hpp"
#include "eap/contexts/foreign_loop.hpp"
#include "eap/contexts/thread_pool.hpp"
#include "eap/operation_manager.hpp"
#include "eap/progress_changed_event_args.hpp"
#include "eap/run_on.hpp"

#include <SDL2/SDL.h>
#include <SDL2/SDL_events.h>
#include <SDL2/SDL_hints.h>
#include <SDL2/SDL_stdinc.h>

#include <iostream>

int main(int, char*[]) {
    SDL_SetHint(SDL_HINT_VIDEODRIVER, "dummy");
    if (SDL_Init(SDL_INIT_VIDEO) != 0)
        return 1;

    //! [glue]
    eap::foreign_loop loop;
    const Uint32 wake_up = SDL_RegisterEvents(1);
    loop.on_wake([wake_up] {
        SDL_Event event{};
        event.type = wake_up;
        SDL_PushEvent(&event); // from any thread; an event for each function would fill SDL's queue
    });
    //! [glue]

    eap::operation_manager operations{loop.context()};
    int reports = 0;
    int sum = 0;
    eap::run_on(eap::thread_pool::shared(),
                operations.create_operation<int>(
                    "sum",
                    [&sum](const eap::completed_event_args<int>& e) {
                        sum = e.result();
                        SDL_Event quit{};
                        quit.type = SDL_QUIT;
                        SDL_PushEvent(&quit);
                    },
                    [&reports](const eap::progress_changed_event_args<>&) { ++reports; }),
                [](auto& self) {
                    int total = 0;
                    for (int i = 1; i <= 100'000; ++i) { // more than SDL would queue
                        total += i % 10;
                        self.report_progress(i / 1000);
                    }
                    return total;
                });

    SDL_Event event;
    while (SDL_WaitEvent(&event) != 0 && event.type != SDL_QUIT)
        if (event.type == wake_up)
            loop.pump();
    SDL_Quit();

    std::cout << reports << " reports, and the sum is " << sum << '\n';
    return reports == 100'000 && sum == 450'000 ? 0 : 1;
}
