package org.backstitch.dump.kernel;

/**
 * A thread of a crashed kernel.
 *
 * @param address of its {@code task_struct}
 * @param pid its own id, which tools call thread id; 0 for the idle tasks
 * @param tgid the id of its process
 * @param comm its name, at most 15 bytes
 * @param cpu the CPU on which it runs or ran last
 * @param stack the lowest address of its kernel stack
 * @param savedStackPointer RSP when it last gave up a CPU, pointing to its {@code inactive_task_frame}
 * @param resumeAddress where it will go on: the return address in its {@code inactive_task_frame}; 0 if the dump does not hold that
 * @param isNew whether it has yet to run for the first time: nothing has called what it will resume at
 * @param running whether it is its CPU's current task; then its registers are the CPU's, not the saved ones
 */
public record KernelTask(
        long address,
        int pid,
        int tgid,
        String comm,
        int cpu,
        long stack,
        long savedStackPointer,
        long resumeAddress,
        boolean isNew,
        boolean running) {}
