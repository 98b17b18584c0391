/**
 * What machine code does to the stack: an abstract machine that follows a function from its entry and knows, in front of every
 * instruction, where the frame is and where the caller's registers lie.
 *
 * <p>The way through the package: {@link org.backstitch.code.stack.ModuleCode} is a module's code and what it refers to;
 * {@link org.backstitch.code.stack.Regions} are the pieces of it that are functions or parts of functions;
 * {@link org.backstitch.code.stack.DecodedCode} holds every instruction of them, decoded once, as an
 * {@link org.backstitch.code.stack.Effect} word; {@link org.backstitch.code.stack.StackFlow} runs one function to a fixpoint and
 * shows the {@link org.backstitch.code.stack.StackState} in front of each instruction, made of {@link org.backstitch.code.stack.Value}s.
 *
 * {@snippet :
 * ModuleCode module = ModuleCode.of(elf, arena);
 * Regions.Builder regions = new Regions.Builder();
 * regions.add(module.placeOf(start), module.placeOf(end), true);
 * DecodedCode code = StackFlow.prepare(DecodedCode.decode(module, regions.build(), capstone));
 * StackFlow flow = new StackFlow(code, LandingPads.NONE);
 * flow.analyze(0, null);
 * flow.visit((instruction, state, assumed) -> {
 *     long address = module.addressOf(code.place(instruction));
 *     long rsp = state.register(X86_64.RSP);       // Value.cfa(-16): the CFA is RSP + 16
 *     long rbx = state.slotOf(X86_64.RBX);         // Value.cfa(-24): the caller's RBX lies at CFA - 24
 * });
 * }
 *
 * <h2>What is taken for granted</h2>
 *
 * <ul>
 *   <li>A function is entered with RSP at its return address, and its CFA is RSP + 8 then.
 *   <li>A call that returns leaves RSP and the callee-saved registers as they were (System V ABI x86-64 §3.2.1), and may change
 *       everything else, also below RSP; what throws arrives at its landing pad with the same.
 *   <li>A store through a pointer that does not come from RSP by known steps does not hit the slots in which a function saved
 *       registers; an index into an array in the frame stays in that array.
 *   <li>A call whose target is not known returns, unless what lies behind it is another path's code, with another frame.
 *   <li>The end of a region is the end of its function for a call at its very end: such a call does not return.
 * </ul>
 *
 * <p>Nothing is taken from unwind tables but where functions begin and end, and where exceptions land.
 */
@NullMarked
package org.backstitch.code.stack;

import org.jspecify.annotations.NullMarked;
