package org.backstitch.cli.flame;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.backstitch.cli.flame.StackFrame.Kind;
import org.backstitch.cli.output.Output;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page as a person sees it: in a real browser. */
class FlamePageTest {
    /** A browser without a window has virtual time, in which timers run but frames may never come. */
    private static final String SHIM = """
            <script>
            function report(name, value) { document.documentElement.setAttribute("data-report-" + name, String(value)); }
            addEventListener("error", event => report("error", event.message));
            addEventListener("unhandledrejection", event => report("error", event.reason));
            window.requestAnimationFrame = draw => setTimeout(() => draw(performance.now()), 16);
            window.cancelAnimationFrame = clearTimeout;
            </script>
            """;

    private static @Nullable Path browser;

    @TempDir
    private Path directory;

    private final StackTree tree = new StackTree();
    private final StackTree.Adder adder = tree.adder();
    private final FrameTable frames = new FrameTable();

    @BeforeAll
    static void findBrowser() {
        browser = List.of("/usr/bin/chromium", "/usr/bin/google-chrome", "/usr/bin/chromium-browser").stream()
                .map(Path::of)
                .filter(Files::isExecutable)
                .findFirst()
                .orElse(null);
        Assumptions.assumeTrue(browser != null, "Chromium is not installed; ./check installs it");
    }

    private void add(long count, StackFrame... stack) {
        int[] numbers = new int[stack.length];
        for (int i = 0; i < stack.length; i++) {
            numbers[i] = frames.number(stack[i]);
        }
        adder.add(numbers, numbers.length, count);
    }

    private static StackFrame user(@Nullable String name) {
        return new StackFrame(name, "/usr/bin/app", Kind.USER);
    }

    private static StackFrame libc(@Nullable String name) {
        return new StackFrame(name, "/lib/libc.so.6", Kind.USER);
    }

    private static StackFrame kernel(String name) {
        return new StackFrame(name, "[kernel.kallsyms]", Kind.KERNEL);
    }

    /**
     * Preorder, by name: 0 all, 100 samples; 1 app 100; 2 main 100; 3 compute 60; 4 hash 30; 5 output 40, 10 of them in itself; 6 write
     * 30; 7 ksys_write 30.
     */
    private void addApp() {
        StackFrame app = StackFrame.process("app");
        add(30, app, user("main"), user("compute"));
        add(30, app, user("main"), user("compute"), user("hash"));
        add(10, app, user("main"), user("output"));
        add(30, app, user("main"), user("output"), libc("write"), kernel("ksys_write"));
    }

    private String page() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (Output output = Output.to(bytes, "test")) {
            FlamePage.write(
                    tree,
                    frames,
                    new FlamePage.Heading(
                            "app & <sons>", "perf record app", List.of("100 samples", "cpu-clock"), "samples"),
                    output);
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    /** Opens the page, runs {@code script} in it, and returns the values of {@code report(name, value)} and of the canvas. */
    private Map<String, String> open(String page, String hash, String script) throws Exception {
        String harness = """
                <script>
                const graph = document.getElementById("graph");
                const key = (name, target = document.body) => target.dispatchEvent(new KeyboardEvent("keydown", {key: name, bubbles: true}));
                /** A mouse event over a share of the graph's width, some rows above its lowest. */
                const mouse = (type, share, row) => {
                  const box = graph.getBoundingClientRect();
                  graph.dispatchEvent(new MouseEvent(type, {bubbles: true,
                    clientX: box.left + 16 + share * (box.width - 32), clientY: box.bottom - 4 - 19 * row - 9}));
                };
                const frame = () => new Promise(done => setTimeout(done, 400));
                (async () => {
                  await frame();
                  %s
                  await frame();
                  for (const name in graph.dataset) report(name, graph.dataset[name]);
                })();
                </script>
                </body>
                """.formatted(script);
        Path file = Files.writeString(
                directory.resolve("page.html"),
                page.replace("<head>", "<head>" + SHIM).replace("</body>", harness));
        Path dom = directory.resolve("dom.html");
        Path log = directory.resolve("browser.log");
        assertNotNull(browser);
        Process process = new ProcessBuilder(
                        browser.toString(),
                        "--headless",
                        "--no-sandbox",
                        "--disable-gpu",
                        "--disable-quic",
                        "--no-first-run",
                        "--disable-background-networking",
                        "--disable-component-update",
                        "--disable-sync",
                        "--disable-dev-shm-usage",
                        "--user-data-dir=" + Files.createTempDirectory(directory, "profile"),
                        "--window-size=1000,600",
                        "--virtual-time-budget=8000",
                        "--dump-dom",
                        file.toUri() + hash)
                .redirectOutput(dom.toFile())
                .redirectError(log.toFile())
                .start();
        try {
            assertTrue(process.waitFor(120, TimeUnit.SECONDS), "the browser hangs");
        } finally {
            process.destroyForcibly().waitFor();
        }
        String text = Files.readString(dom);
        Map<String, String> reports = new HashMap<>();
        Matcher matcher = Pattern.compile("data-report-([a-z]+)=\"([^\"]*)\"")
                .matcher(text.substring(0, Math.max(0, text.indexOf("<head"))));
        while (matcher.find()) {
            reports.put(
                    matcher.group(1),
                    matcher.group(2)
                            .replace("&lt;", "<")
                            .replace("&gt;", ">")
                            .replace("&quot;", "\"")
                            .replace("&amp;", "&"));
        }
        assertEquals(null, reports.get("error"), "an error in the page's script");
        assertTrue(reports.containsKey("boxes"), () -> "nothing drawn: " + text.length() + " characters of page");
        return reports;
    }

    @Test
    void drawsEveryFrameAndSaysWhatItShows() throws Exception {
        addApp();
        Map<String, String> seen = open(page(), "", """
                report("title", document.title);
                report("facts", document.getElementById("facts").textContent);
                report("legend", [...document.querySelectorAll("#legend button")].map(b => b.textContent).join(", "));
                """);
        assertEquals("8", seen.get("boxes"));
        assertEquals("8", seen.get("labels"));
        assertEquals("app & <sons>", seen.get("title"));
        assertEquals("100 samples  ·  cpu-clock", seen.get("facts"));
        // ksys_write 30; compute 30, hash 30 and output 10 themselves; nothing in write itself.
        assertEquals("kernel 30 %, app 70 %", seen.get("legend"));
    }

    @Test
    void kernelIsWarmUserIsNot() throws Exception {
        addApp();
        Map<String, String> seen = open(page(), "", """
                const pixel = (share, row) => {
                  const scale = graph.width / graph.clientWidth;
                  const x = 16 + share * (graph.clientWidth - 32), y = graph.clientHeight - 4 - 19 * row - 3;
                  return [...graph.getContext("2d").getImageData(x * scale, y * scale, 1, 1).data];
                };
                report("kernel", pixel(0.8, 5));
                report("user", pixel(0.5, 2));
                report("empty", pixel(0.1, 5));
                """);
        int[] kernel = rgb(seen.get("kernel"));
        int[] user = rgb(seen.get("user"));
        int[] empty = rgb(seen.get("empty"));
        assertTrue(kernel[0] > kernel[2] + 60, "more red than blue in the kernel");
        assertTrue(user[2] > user[0], "more blue than red in the heaviest user file");
        assertTrue(Math.abs(empty[0] - empty[2]) < 10, "the ground where no frame is");
    }

    private static int[] rgb(@Nullable String pixel) {
        assertNotNull(pixel);
        return Pattern.compile(",")
                .splitAsStream(pixel)
                .mapToInt(Integer::parseInt)
                .toArray();
    }

    @Test
    void clickZoomsIntoAFrameAndThePathLeadsBack() throws Exception {
        addApp();
        Map<String, String> seen = open(page(), "", """
                mouse("click", 0.8, 3);
                await frame();
                report("inside", graph.dataset.zoom + " " + graph.dataset.boxes + " " + location.hash);
                report("path", [...document.querySelectorAll("#path button")].map(b => b.textContent).join(" > "));
                document.querySelector("#path button").click();
                """);
        // all, app and main above; output, write and ksys_write in full width; compute and hash out of sight.
        assertEquals("5 6 #zoom=5", seen.get("inside"));
        assertEquals("all > app > main > output", seen.get("path"));
        assertEquals("0", seen.get("zoom"));
        assertEquals("8", seen.get("boxes"));
    }

    @Test
    void addressLeadsBackToWhatWasLookedAt() throws Exception {
        addApp();
        Map<String, String> seen = open(page(), "#zoom=3&search=hash&view=icicle&order=weight", "");
        assertEquals("3", seen.get("zoom"));
        assertEquals("30", seen.get("matched"));
        assertEquals("5", seen.get("boxes"));
        Map<String, String> wrong = open(page(), "#zoom=99999&search=", "");
        assertEquals("0", wrong.get("zoom"));
    }

    @Test
    void searchCountsASampleOnceHoweverOftenItMatches() throws Exception {
        addApp();
        Map<String, String> seen = open(page(), "", """
                const field = document.getElementById("search");
                const matched = document.getElementById("matched");
                const search = text => { field.value = text; field.dispatchEvent(new Event("input")); return graph.dataset.matched; };
                report("write", search("write$") + ", " + matched.textContent);
                report("either", search("^(hash|ksys)"));
                report("capital", search("Write"));
                report("file", search("dso:libc"));
                search("(");
                report("invalid", field.getAttribute("aria-invalid") + ", " + matched.textContent);
                search("");
                report("cleared", matched.hidden);
                """);
        assertEquals("30, 30.00 % matched", seen.get("write"), "write and ksys_write are in the same samples");
        assertEquals("60", seen.get("either"));
        assertEquals("0", seen.get("capital"), "a capital asks for a capital");
        assertEquals("30", seen.get("file"));
        assertEquals("true, no regular expression", seen.get("invalid"));
        assertEquals("true", seen.get("cleared"));
    }

    @Test
    void tooltipTellsSharesOfAllAndOfTheCaller() throws Exception {
        addApp();
        Map<String, String> seen = open(page(), "", """
                mouse("mousemove", 0.8, 4);
                report("tip", document.getElementById("tip").innerText.replace(/\\s+/g, " ").trim());
                """);
        assertEquals(
                "write /lib/libc.so.6 of all 30.00 % 30 samples of caller 75.00 % itself 0.00 % 0 samples",
                seen.get("tip"));
    }

    @Test
    void keysReachEveryFrame() throws Exception {
        addApp();
        Map<String, String> seen = open(page(), "", """
                const walk = [];
                for (const name of ["ArrowUp", "ArrowUp", "ArrowUp", "ArrowUp", "ArrowRight", "ArrowUp", "ArrowUp", "ArrowDown"]) {
                  key(name);
                  walk.push(graph.dataset.focus);
                }
                report("walk", walk.join(" "));
                key("Enter");
                await frame();
                report("entered", graph.dataset.zoom);
                key("Escape");
                await frame();
                report("left", graph.dataset.zoom);
                key("Home");
                key("/");
                report("searching", document.activeElement.id);
                document.activeElement.value = "hash";
                document.activeElement.dispatchEvent(new Event("input"));
                key("Enter", document.activeElement);
                report("found", graph.dataset.focus);
                key("i");
                report("direction", document.getElementById("direction").textContent);
                key("t");
                report("theme", document.documentElement.dataset.theme);
                """);
        assertEquals("all app main compute output write ksys_write write", seen.get("walk"));
        assertEquals("6", seen.get("entered"));
        assertEquals("5", seen.get("left"));
        assertEquals("search", seen.get("searching"));
        assertEquals("hash", seen.get("found"));
        assertEquals("↓ Icicle", seen.get("direction"));
        assertEquals("dark", seen.get("theme"));
    }

    @Test
    void namesOfStrangersStayText() throws Exception {
        String hostile =
                "</script><script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">&amp;\u2028";
        add(1, StackFrame.process(hostile), new StackFrame(hostile, hostile, Kind.USER));
        String page = page();
        assertFalse(page.contains("pwned'</script>"), "markup in the data");
        Map<String, String> seen = open(page, "#zoom=2", """
                mouse("mousemove", 0.5, 2);
                report("name", document.querySelector("#tip h2").textContent);
                report("images", document.images.length);
                report("title", document.title);
                """);
        assertEquals(hostile, seen.get("name"));
        assertEquals("0", seen.get("images"));
        assertEquals("app & <sons>", seen.get("title"));
    }

    @Test
    void nothingSampledIsAPageToo() throws Exception {
        assertEquals("0", open(page(), "", "").get("zoom"));
    }

    @Test
    void hundredThousandsOfNodesAreDrawnOnlyWhereTheyAreSeen() throws Exception {
        Random random = new Random(4);
        StackFrame[] functions = new StackFrame[5_000];
        for (int i = 0; i < functions.length; i++) {
            functions[i] = new StackFrame("namespace::function_" + i, "/lib/lib" + i % 40 + ".so", Kind.USER);
        }
        long samples = 0;
        while (tree.size() < 300_000) {
            StackFrame[] stack = new StackFrame[2 + random.nextInt(40)];
            stack[0] = StackFrame.process("comm" + random.nextInt(5));
            for (int i = 1; i < stack.length; i++) {
                stack[i] = functions[i < 12 ? random.nextInt(1 + i / 4) : random.nextInt(functions.length)];
            }
            add(1, stack);
            samples++;
        }
        String page = page();
        assertTrue(page.length() < 12 * tree.size(), "bytes a node: " + page.length() / tree.size());
        Map<String, String> seen = open(page, "", """
                key("w");
                """);
        int boxes = Integer.parseInt(seen.getOrDefault("boxes", "0"));
        assertTrue(boxes > 100 && boxes < 60_000, boxes + " boxes drawn of " + tree.size() + " nodes");
        assertTrue(samples > 10_000);
    }
}
