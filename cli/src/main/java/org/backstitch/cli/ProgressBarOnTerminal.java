package org.backstitch.cli;

import java.io.PrintStream;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/** A progress bar on a terminal, made only when the work has taken a second. */
final class ProgressBarOnTerminal implements Progress {
    private static final long PATIENCE_NANOS = Duration.ofSeconds(1).toNanos();

    private final String what;
    private final long total;
    private final String unit;
    private final long unitSize;
    private final PrintStream terminal;
    private final long start = System.nanoTime();
    private @Nullable ProgressBar bar;

    ProgressBarOnTerminal(String what, long total, String unit, long unitSize, PrintStream terminal) {
        this.what = what;
        this.total = total;
        this.unit = unit;
        this.unitSize = unitSize;
        this.terminal = terminal;
    }

    @Override
    public void reached(long amount) {
        ProgressBar shown = bar;
        if (shown == null) {
            if (System.nanoTime() - start < PATIENCE_NANOS) {
                return;
            }
            shown = new ProgressBarBuilder()
                    .setTaskName(what)
                    .setInitialMax(total)
                    .setUnit(" " + unit, unitSize)
                    .setStyle(ProgressBarStyle.UNICODE_BLOCK)
                    .setUpdateIntervalMillis(200)
                    .startsFrom(0, Duration.of(System.nanoTime() - start, ChronoUnit.NANOS))
                    .setConsumer(new ConsoleProgressBarConsumer(terminal))
                    .build();
            bar = shown;
        }
        shown.stepTo(amount);
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
