"""Maps of open patches on the status page, in a real Chromium: maps_test.py SIDECAR."""
import sys
import unittest

import made_up
import page_case as world
import rank
from page_case import BAD, OPENS, PageTest


def setUpModule():
    world.set_up(PROGRAM)


class Maps(PageTest):
    @staticmethod
    def pixel(page, image, x, y):
        """Red, green and blue of a map's picture, at shares of its width and height."""
        return page.evaluate("""([image, x, y]) => {
            const canvas = document.querySelectorAll('#maps canvas')[image];
            const paint = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', {willReadFrequently: true});
            paint.drawImage(canvas, 0, 0);
            return [...paint.getImageData(Math.floor(x * canvas.width), Math.floor(y * canvas.height), 1, 1).data].slice(0, 3);
        }""", [image, x, y])

    def brightness(self, page, image, patch):
        """Of the middle of a patch of a 3 x 3 map."""
        return self.pixel(page, image, (patch % 3 + 0.5) / 3, (patch // 3 + 0.5) / 3)[0]

    def test_closed_patches_are_dark_and_open_ones_as_they_were(self):
        page = self.open()
        self.until(page, f"document.querySelector('#maps canvas')?.ariaLabel.startsWith('Image 40, boot: {len(OPENS[0])} of 9')")
        self.assertEqual(page.locator("#maps canvas").count(), 2)
        for image in (0, 1):
            for patch in range(9):
                self.assertAlmostEqual(self.brightness(page, image, patch), 200 if patch in OPENS[0] else 64, delta=2, msg=patch)
        self.assertEqual(page.locator("#maps li").nth(1).text_content(), f"Image 41, {BAD}{len(OPENS[0])} of 9 open")
        page.select_option("#map-gate", label="after block 4")
        self.assertIn(f"{len(OPENS[1])} of 9 patches open after block 4", page.get_attribute("#maps canvas", "aria-label"))
        self.assertAlmostEqual(self.brightness(page, 0, 4), 64, delta=2)
        # A yellow line is around what is open.
        red, green, blue = self.pixel(page, 0, 1 / 6, 0.005)
        self.assertTrue(red > 200 and green > 150 and blue < 80, (red, green, blue))

    def test_every_patch_can_be_read_by_keyboard_and_pointer(self):
        page = self.open()
        page.wait_for_selector("#maps canvas")
        page.focus("#maps canvas")
        readout = lambda: page.text_content("#map-readout")
        page.keyboard.press("ArrowRight")
        self.assertEqual(readout(), "Image 40, boot, row 1, column 1: open, score 0.00")
        page.keyboard.press("ArrowDown")
        self.assertEqual(readout(), "Image 40, boot, row 2, column 1: closed, score 0.01")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowUp")  # There is nothing above.
        self.assertIn("row 1, column 1", readout())
        page.keyboard.press("End")
        self.assertEqual(readout(), "Image 40, boot, row 3, column 3: open, score 0.03")
        page.keyboard.press("Escape")
        self.assertEqual(readout(), "")
        box = page.locator("#maps canvas").nth(1).bounding_box()
        page.mouse.move(box["x"] + box["width"] * 5 / 6, box["y"] + box["height"] / 2)
        self.assertIn("row 2, column 3", readout())

    def test_the_newest_is_followed_and_older_ones_can_be_chosen(self):
        page = self.open()
        self.until(page, "document.querySelectorAll('#map-step option').length === 2")
        older = page.locator("#map-step option").nth(1).get_attribute("value")
        page.select_option("#map-step", older)
        self.until(page, "document.querySelectorAll('#maps canvas').length === 1")
        self.assertIn("Image 40: 9 of 9", page.get_attribute("#maps canvas", "aria-label"))
        world.feed(10)
        made_up.show_map(world.ranks[0], ["new"], [[0], [0]]).wait()
        self.until(page, "document.querySelectorAll('#map-step option').length === 3")
        self.assertEqual(page.input_value("#map-step"), older, "what was chosen stays")
        page.select_option("#map-step", str(world.ranks[0].step))
        self.until(page, "document.querySelector('#maps canvas').ariaLabel.startsWith('Image 40, new: 1 of 9')")
        world.feed(10)
        made_up.show_map(world.ranks[0], ["boot", BAD], OPENS).wait()
        self.until(page, "document.querySelector('#maps canvas').ariaLabel.startsWith('Image 40, boot: ')")

    def test_a_run_without_a_map_says_so(self):
        plain = rank.Rank(world.sidecar.grpc, "plain").greet()
        self.addCleanup(made_up.end, plain)
        plain.steps(20).wait()
        page = self.open("plain")
        self.assertIn("No map yet", page.text_content("#maps-note"))
        self.assertFalse(page.is_visible("#maps-choice"))


if __name__ == "__main__":
    PROGRAM = sys.argv[1]
    unittest.main(argv=sys.argv[:1], verbosity=2)
