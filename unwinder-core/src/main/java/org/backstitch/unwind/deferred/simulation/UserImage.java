package org.backstitch.unwind.deferred.simulation;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.backstitch.unwind.deferred.simulation.Instruction.Operation;
import org.jspecify.annotations.Nullable;

/**
 * The program file that simulated tasks run: an ELF file with real machine code, call frame information and symbols.
 *
 * <p>It holds one function of each shape that unwinders meet. Every function's body is a switch: {@code jmp *%rcx} goes to a call, a
 * system call, some work, or the epilogue, as the task's script wants.
 */
final class UserImage {
    /** The shapes of functions, each named as its symbol is. */
    enum Shape {
        /** The outermost function: its return address is undefined. */
        START("_start"),
        /** No frame at all. */
        LEAF("leaf"),
        /** A small frame, found from RSP. */
        RSP_FRAME("rsp_frame"),
        /** A frame of a page, found from RSP. */
        BIG_FRAME("big_frame"),
        /** A frame pointer. */
        RBP_FRAME("rbp_frame"),
        /** Saves RBX and RBP, and uses RBP for something else: what follows frame pointers goes astray here. */
        BUSY_RBP("busy_rbp"),
        /** A realigned stack: the CFA is loaded from memory, as GCC does it for functions with vectors. */
        REALIGNED("realigned"),
        /** A handler of signals. */
        HANDLER("handler"),
        /** What a handler returns to: calls {@code rt_sigreturn}. */
        RESTORER("__restore_rt");

        private final String symbol;

        Shape(String symbol) {
            this.symbol = symbol;
        }

        String symbol() {
            return symbol;
        }
    }

    /** A function in the image; offsets are those of instructions, -1 where the function has none such. */
    record Function(Shape shape, int start, int end, int dispatch, int call, int syscall, int work, int epilogue) {}

    private static final int TEXT = 0x1000;
    private static final int PAGE = 4096;

    private static final int DW_CFA_ADVANCE_LOC = 0x40;
    private static final int DW_CFA_OFFSET = 0x80;
    private static final int DW_CFA_RESTORE = 0xc0;
    private static final int DW_CFA_UNDEFINED = 0x07;
    private static final int DW_CFA_DEF_CFA = 0x0c;
    private static final int DW_CFA_DEF_CFA_EXPRESSION = 0x0f;
    private static final int DW_CFA_EXPRESSION = 0x10;
    private static final int DW_OP_BREG = 0x70;
    private static final int DW_OP_DEREF = 0x06;
    private static final int RBX = 3;
    private static final int RBP = 6;
    private static final int RSP = 7;
    private static final int R10 = 10;
    private static final int RETURN_ADDRESS = 16;

    /** Where the registers lie, by DWARF number, in the {@code ucontext_t} that RSP points to in the restorer. */
    private static final int[] UCONTEXT = {144, 136, 152, 128, 112, 104, 120, 160, 40, 48, 56, 64, 72, 80, 88, 96, 168};

    private final ByteArrayOutputStream text = new ByteArrayOutputStream();
    private final ByteArrayOutputStream frames = new ByteArrayOutputStream();
    private final TreeMap<Integer, Instruction> instructions = new TreeMap<>();
    private final Map<Shape, Function> functions = new EnumMap<>(Shape.class);
    private final byte[] file;

    // Of the function that is being assembled: its rows, each as the instructions that lead to it.
    private final ByteArrayOutputStream rows = new ByteArrayOutputStream();
    private int lastRow;

    UserImage() {
        for (Shape shape : Shape.values()) {
            assemble(shape);
        }
        file = link();
    }

    /** Where a register lies in the context that a signal frame holds, behind the frame's return address; by DWARF number. */
    static int contextOffset(int register) {
        return UCONTEXT[register];
    }

    /** The ELF file: position-independent, its code at the file offset and virtual address {@link #textOffset}. */
    byte[] file() {
        return file.clone();
    }

    static int textOffset() {
        return TEXT;
    }

    int textSize() {
        return (text.size() + PAGE - 1) & -PAGE;
    }

    Function function(Shape shape) {
        Function function = functions.get(shape);
        if (function == null) {
            throw new IllegalStateException("no function " + shape);
        }
        return function;
    }

    /** The function that an offset in the image lies in, or null. */
    @Nullable
    Function functionAt(long offset) {
        for (Function function : functions.values()) {
            if (offset >= function.start() && offset < function.end()) {
                return function;
            }
        }
        return null;
    }

    /** The instruction at an offset in the image. */
    Instruction instruction(long offset) {
        Instruction instruction = instructions.get((int) offset);
        if (instruction == null || offset != instruction.offset()) {
            throw new IllegalStateException("no instruction at 0x" + Long.toHexString(offset));
        }
        return instruction;
    }

    private int here() {
        return TEXT + text.size();
    }

    private int emit(Operation operation) {
        return emit(operation, 0);
    }

    private int emit(Operation operation, int operand) {
        int offset = here();
        text.writeBytes(operation.encode(operand));
        instructions.put(offset, new Instruction(offset, operation, operand, operation.length()));
        return offset;
    }

    private void assemble(Shape shape) {
        while (here() % 16 != 15) {
            emit(Operation.NOP);
        }
        // A byte before every function: the row of a signal frame is looked up one byte too low by who does not know
        // better.
        int padding = emit(Operation.NOP);
        int start = here();
        rows.reset();
        lastRow = start;
        switch (shape) {
            case START -> {
                row(DW_CFA_UNDEFINED, RETURN_ADDRESS);
                add(shape, start, body(), -1);
            }
            case LEAF -> add(shape, start, body(), emit(Operation.RET));
            case RSP_FRAME, HANDLER -> frame(shape, start, 0x48);
            case BIG_FRAME -> frame(shape, start, PAGE - 8);
            case RBP_FRAME -> {
                emit(Operation.PUSH_RBP);
                row(DW_CFA_DEF_CFA, RSP, 16, DW_CFA_OFFSET | RBP, 2);
                emit(Operation.MOV_RBP_RSP);
                row(DW_CFA_DEF_CFA, RBP, 16);
                emit(Operation.SUB_RSP, 0x20);
                int[] body = body();
                int epilogue = emit(Operation.LEAVE);
                row(DW_CFA_DEF_CFA, RSP, 8, DW_CFA_RESTORE | RBP);
                emit(Operation.RET);
                add(shape, start, body, epilogue);
            }
            case BUSY_RBP -> {
                emit(Operation.PUSH_RBP);
                row(DW_CFA_DEF_CFA, RSP, 16, DW_CFA_OFFSET | RBP, 2);
                emit(Operation.PUSH_RBX);
                row(DW_CFA_DEF_CFA, RSP, 24, DW_CFA_OFFSET | RBX, 3);
                emit(Operation.MOV_EBP_IMM, 0x1234_5678);
                emit(Operation.SUB_RSP, 0x18);
                row(DW_CFA_DEF_CFA, RSP, 48);
                int[] body = body();
                int epilogue = emit(Operation.ADD_RSP, 0x18);
                row(DW_CFA_DEF_CFA, RSP, 24);
                emit(Operation.POP_RBX);
                row(DW_CFA_DEF_CFA, RSP, 16, DW_CFA_RESTORE | RBX);
                emit(Operation.POP_RBP);
                row(DW_CFA_DEF_CFA, RSP, 8, DW_CFA_RESTORE | RBP);
                emit(Operation.RET);
                add(shape, start, body, epilogue);
            }
            case REALIGNED -> {
                emit(Operation.LEA_R10_RSP8);
                row(DW_CFA_DEF_CFA, R10, 0);
                emit(Operation.AND_RSP_32);
                emit(Operation.PUSH_AT_R10);
                emit(Operation.PUSH_RBP);
                emit(Operation.MOV_RBP_RSP);
                row(DW_CFA_EXPRESSION, RBP, 2, DW_OP_BREG | RBP, 0);
                emit(Operation.PUSH_R10);
                row(DW_CFA_DEF_CFA_EXPRESSION, 3, DW_OP_BREG | RBP, 0x78, DW_OP_DEREF);
                emit(Operation.SUB_RSP, 0x28);
                int[] body = body();
                int epilogue = emit(Operation.ADD_RSP, 0x28);
                emit(Operation.POP_R10);
                row(DW_CFA_DEF_CFA, R10, 0);
                emit(Operation.POP_RBP);
                row(DW_CFA_RESTORE | RBP);
                emit(Operation.LEA_RSP_R10);
                row(DW_CFA_DEF_CFA, RSP, 8);
                emit(Operation.RET);
                add(shape, start, body, epilogue);
            }
            case RESTORER -> {
                row(
                        DW_CFA_DEF_CFA_EXPRESSION,
                        4,
                        DW_OP_BREG | RSP,
                        sleb(UCONTEXT[RSP], 0),
                        sleb(UCONTEXT[RSP], 1),
                        DW_OP_DEREF);
                for (int register = 0; register < UCONTEXT.length; register++) {
                    if (register != RSP) {
                        saved(register, UCONTEXT[register]);
                    }
                }
                emit(Operation.MOV_EAX_SIGRETURN);
                int syscall = emit(Operation.SYSCALL);
                functions.put(shape, new Function(shape, start, here(), -1, -1, syscall, -1, -1));
            }
        }
        frames.writeBytes(description(shape, shape == Shape.RESTORER ? padding : start));
    }

    private void frame(Shape shape, int start, int size) {
        emit(Operation.SUB_RSP, size);
        row(DW_CFA_DEF_CFA, RSP, uleb(size + 8, 0), uleb(size + 8, 1));
        int[] body = body();
        int epilogue = emit(Operation.ADD_RSP, size);
        row(DW_CFA_DEF_CFA, RSP, 8);
        emit(Operation.RET);
        add(shape, start, body, epilogue);
    }

    /** The switch: offsets of its dispatching jump, its call, its system call and its work. */
    private int[] body() {
        int dispatch = emit(Operation.JMP_RCX);
        int call = emit(Operation.CALL_RAX);
        jumpBack(dispatch);
        int syscall = emit(Operation.SYSCALL);
        jumpBack(dispatch);
        int work = emit(Operation.STORE);
        jumpBack(dispatch);
        return new int[] {dispatch, call, syscall, work};
    }

    private void jumpBack(int target) {
        emit(Operation.JMP_BACK, target - (here() + Operation.JMP_BACK.length()));
    }

    private void add(Shape shape, int start, int[] body, int epilogue) {
        functions.put(shape, new Function(shape, start, here(), body[0], body[1], body[2], body[3], epilogue));
    }

    /** Begins a row at the current offset. */
    private void row(int... callFrameInstructions) {
        int advance = here() - lastRow;
        if (advance > 0) {
            rows.write(DW_CFA_ADVANCE_LOC | advance);
            lastRow = here();
        }
        for (int b : callFrameInstructions) {
            rows.write(b);
        }
    }

    /** A rule of the restorer: a register lies at an offset in the context. */
    private void saved(int register, int offset) {
        for (int b : new int[] {DW_CFA_EXPRESSION, register, 3, DW_OP_BREG | RSP, sleb(offset, 0), sleb(offset, 1)}) {
            rows.write(b);
        }
    }

    /** Byte {@code index} of a number below 2^14 as an unsigned LEB128 of two bytes. */
    private static int uleb(int value, int index) {
        return index == 0 ? (value & 0x7f) | 0x80 : value >> 7;
    }

    /** Byte {@code index} of a number from 0 to 2^13 - 1 as a signed LEB128 of two bytes. */
    private static int sleb(int value, int index) {
        return uleb(value, index);
    }

    /** A CIE and an FDE for the function that ends here. The FDE's address is relative to its own place, as GNU tools write it. */
    private byte[] description(Shape shape, int start) {
        boolean signal = shape == Shape.RESTORER;
        ByteBuffer cie = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN);
        cie.putInt(0).putInt(0).put((byte) 1);
        cie.put((signal ? "zRS\0" : "zR\0").getBytes(StandardCharsets.US_ASCII));
        cie.put((byte) 1)
                .put((byte) 0x78)
                .put((byte) RETURN_ADDRESS)
                .put((byte) 1)
                .put((byte) 0x1b);
        if (!signal) {
            cie.put((byte) DW_CFA_DEF_CFA).put((byte) RSP).put((byte) 8);
            cie.put((byte) (DW_CFA_OFFSET | RETURN_ADDRESS)).put((byte) 1);
        }
        pad(cie);
        int fdeStart = cie.position();
        ByteBuffer fde = ByteBuffer.allocate(64 + rows.size()).order(ByteOrder.LITTLE_ENDIAN);
        fde.putInt(0).putInt(fdeStart + 4);
        int relocated = frames.size() + fdeStart + fde.position();
        fde.putInt(start - relocated).putInt(here() - start).put((byte) 0);
        fde.put(rows.toByteArray());
        pad(fde);
        byte[] both = new byte[cie.position() + fde.position()];
        cie.flip().get(both, 0, fdeStart);
        fde.flip().get(both, fdeStart, fde.limit());
        return both;
    }

    /** Pads an entry with DW_CFA_nop to a multiple of eight bytes, and sets its length. */
    private static void pad(ByteBuffer entry) {
        while (entry.position() % 8 != 0) {
            entry.put((byte) 0);
        }
        entry.putInt(0, entry.position() - 4);
    }

    /** The FDEs know their place only now: .eh_frame lies on the page behind the code. */
    private byte[] link() {
        int framesOffset = TEXT + textSize();
        byte[] frameBytes = frames.toByteArray();
        ByteBuffer frameBuffer = ByteBuffer.wrap(frameBytes).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at < frameBytes.length; at += frameBuffer.getInt(at) + 4) {
            if (frameBuffer.getInt(at + 4) != 0) {
                frameBuffer.putInt(at + 8, frameBuffer.getInt(at + 8) - framesOffset);
            }
        }
        List<byte[]> contents = new ArrayList<>();
        ByteArrayOutputStream strings = new ByteArrayOutputStream();
        strings.write(0);
        ByteBuffer symbols = ByteBuffer.allocate(24 * (functions.size() + 1)).order(ByteOrder.LITTLE_ENDIAN);
        symbols.position(24);
        for (Function function : functions.values()) {
            symbols.putInt(strings.size()).put((byte) 0x12).put((byte) 0).putShort((short) 1);
            symbols.putLong(function.start()).putLong(function.end() - function.start());
            strings.writeBytes((function.shape().symbol() + "\0").getBytes(StandardCharsets.US_ASCII));
        }
        byte[] sectionNames = "\0.text\0.eh_frame\0.symtab\0.strtab\0.shstrtab\0".getBytes(StandardCharsets.US_ASCII);
        contents.add(text.toByteArray());
        contents.add(frameBytes);
        contents.add(symbols.array());
        contents.add(strings.toByteArray());
        contents.add(sectionNames);
        int[] offsets = new int[contents.size()];
        offsets[0] = TEXT;
        offsets[1] = framesOffset;
        for (int i = 2; i < offsets.length; i++) {
            offsets[i] = (offsets[i - 1] + contents.get(i - 1).length + 7) & -8;
        }
        int headers = (offsets[4] + sectionNames.length + 7) & -8;
        ByteBuffer elf = ByteBuffer.allocate(headers + 6 * 64).order(ByteOrder.LITTLE_ENDIAN);
        int loaded = framesOffset + frameBytes.length;
        elf.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1, 0}).putLong(0);
        elf.putShort((short) 3).putShort((short) 62).putInt(1);
        elf.putLong(function(Shape.START).start()).putLong(64).putLong(headers).putInt(0);
        elf.putShort((short) 64).putShort((short) 56).putShort((short) 1);
        elf.putShort((short) 64).putShort((short) 6).putShort((short) 5);
        elf.putInt(1)
                .putInt(5)
                .putLong(0)
                .putLong(0)
                .putLong(0)
                .putLong(loaded)
                .putLong(loaded)
                .putLong(PAGE);
        for (int i = 0; i < contents.size(); i++) {
            elf.put(offsets[i], contents.get(i));
        }
        elf.position(headers + 64);
        section(elf, 1, 1, 6, offsets[0], offsets[0], contents.get(0).length, 0, 0, 16, 0);
        section(elf, 7, 1, 2, offsets[1], offsets[1], contents.get(1).length, 0, 0, 8, 0);
        section(elf, 17, 2, 0, 0, offsets[2], contents.get(2).length, 4, 1, 8, 24);
        section(elf, 25, 3, 0, 0, offsets[3], contents.get(3).length, 0, 0, 1, 0);
        section(elf, 33, 3, 0, 0, offsets[4], contents.get(4).length, 0, 0, 1, 0);
        return elf.array();
    }

    private static void section(
            ByteBuffer elf,
            int name,
            int type,
            long flags,
            long address,
            long offset,
            long size,
            int link,
            int info,
            long alignment,
            long entrySize) {
        elf.putInt(name)
                .putInt(type)
                .putLong(flags)
                .putLong(address)
                .putLong(offset)
                .putLong(size);
        elf.putInt(link).putInt(info).putLong(alignment).putLong(entrySize);
    }
}
