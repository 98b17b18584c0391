package org.backstitch.dump.kernel;

import org.backstitch.dump.PrStatus;
import org.jspecify.annotations.Nullable;

/**
 * A CPU as the dump's notes describe it.
 *
 * @param status its registers
 * @param qemu its system registers, where QEMU made the dump
 */
record CpuState(PrStatus status, @Nullable QemuCpuState qemu) {}
