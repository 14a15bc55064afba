// SPDX-License-Identifier: BSL-1.0
//
// The form: starts tasks and cancels them, and shows what it hears of them. All of it on the thread of the window, with no
// lock and no word about threads.
#ifndef QT_PRIME_CALCULATOR_WINDOW_HPP
#define QT_PRIME_CALCULATOR_WINDOW_HPP

#include "../prime_calculator/primality.hpp"
#include "../prime_calculator/prime_number_calculator.hpp"
#include "task_list.hpp"

#include <eap/completed_event_args.hpp>
#include <eap/errors.hpp>
#include <eap/operation_options.hpp>
#include <eap/progress_changed_event_args.hpp>

#include <QGroupBox>
#include <QHBoxLayout>
#include <QPushButton>
#include <QRandomGenerator>
#include <QVBoxLayout>
#include <QWidget>

#include <exception>
#include <optional>
#include <string>

namespace primes {

class window final : public QWidget {
  public:
    window() {
        setWindowTitle("Prime Number Calculator");
        resize(640, 320);
        auto* const tasks = new QGroupBox{"Tasks", this};
        (new QVBoxLayout{tasks})->addWidget(list);
        auto* const buttons = new QHBoxLayout;
        buttons->addStretch();
        buttons->addWidget(start_button);
        buttons->addWidget(cancel_button);
        auto* const all = new QVBoxLayout{this};
        all->addWidget(tasks);
        all->addLayout(buttons);
        cancel_button->setEnabled(false);

        connect(start_button, &QPushButton::clicked, this,
                [this] { start(QRandomGenerator::global()->bounded(200'000)); });
        connect(cancel_button, &QPushButton::clicked, this, [this] { cancel_selected(); });
        connect(list, &QTreeWidget::itemSelectionChanged, this, [this] { update_cancel_button(); });

        //! [connect]
        calculator_.calculate_prime.progress_changed += [this](const auto& e) { progress_changed(e); };
        calculator_.calculate_prime.completed += [this](const auto& e) { completed(e); };
        //! [connect]
    }

    /// Starts a test, which holds at the prime `hold_at`, if any, until it is cancelled. Its task id.
    std::string start(number n, std::optional<number> hold_at = {}) {
        std::string id = "task-" + std::to_string(++started_);
        list->add(n, id);
        calculator_.calculate_prime.start(n, hold_at, id);
        return id;
    }

    task_list* const list = new task_list{this};
    QPushButton* const start_button = new QPushButton{"&Start New Task", this};
    QPushButton* const cancel_button = new QPushButton{"&Cancel", this};

  private:
    //! [handlers]
    void progress_changed(const eap::progress_changed_event_args<number>& e) const {
        list->show_progress(e.user_state().get<std::string>(), e.progress_percentage(), e.value());
    }
    void completed(const eap::completed_event_args<primality>& e) {
        const auto& id = e.user_state().get<std::string>();
        try {
            list->show_result(id, e.result());
        } catch (const eap::operation_cancelled&) {
            list->show_cancelled(id);
        } catch (const std::exception& error) {
            list->show_error(id, error.what());
        }
        update_cancel_button();
    }
    //! [handlers]

    void cancel_selected() const {
        for (const std::string& id : list->selected_and_running())
            calculator_.calculate_prime.cancel(id);
        list->clearSelection();
    }
    void update_cancel_button() const { cancel_button->setEnabled(!list->selected_and_running().empty()); }

    int started_ = 0;
    /// `latest`: a window that is busy gets the newest report when it is not, not all that it has missed.
    prime_number_calculator calculator_{
        {.progress = eap::progress_delivery::latest(), .name = "calculate_prime"}};
};

} // namespace primes

#endif
