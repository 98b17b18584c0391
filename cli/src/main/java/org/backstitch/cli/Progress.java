package org.backstitch.cli;

/** How far some work has come. Told by one thread; close it when the work ends, however it ends. */
public interface Progress extends AutoCloseable {
    /** Nobody watches. */
    Progress SILENT = new Progress() {
        @Override
        public void reached(long amount) {}

        @Override
        public void close() {}
    };

    /** The work has come to {@code amount} of its total. Cheap enough to be called some thousand times a second. */
    void reached(long amount);

    @Override
    void close();
}
