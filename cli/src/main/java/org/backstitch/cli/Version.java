package org.backstitch.cli;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;

/** The release that is running, as the build wrote it down. */
final class Version {
    private Version() {}

    static String text() throws IOException {
        try (InputStream in = Version.class.getResourceAsStream("version.properties")) {
            if (in == null) {
                throw new IOException("the build left out version.properties");
            }
            Properties properties = new Properties();
            properties.load(in);
            return properties.getProperty("version");
        }
    }
}
