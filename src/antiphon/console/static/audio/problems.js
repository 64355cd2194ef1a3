// The words for every way in which a device can be refused.

const SETTINGS = "the icon at the left of the address bar";

const NAMES = { microphone: "microphone", camera: "camera", screen: "screen", speaker: "speaker" };

/**
 * @param {{ name: string, message: string, source: string, secure: boolean }} failure Of an exception.
 * @returns {{ title: string, fix: string }}
 */
export function explanation({ name, message, source, secure }) {
  const device = NAMES[source] ?? "device";
  if (!secure && source !== "speaker") return insecure(device);
  const found = (WORDS[source]?.[name] ?? WORDS.any[name] ?? unknown)(device, message, name);
  return { title: found[0], fix: found[1] };
}

function insecure(device) {
  return {
    title: `This browser gives no ${device} to a page without TLS.`,
    fix:
      "Open the console by https:// (port 8443 unless the server was told another), or on the machine itself by " +
      "http://localhost. The phone page shows the address as a code to scan.",
  };
}

function denied(device, message) {
  if (/system/i.test(message)) {
    return [
      `The system does not let this browser use the ${device}.`,
      `Open the privacy settings of the system, allow the ${device} for this browser, then start the browser again.`,
    ];
  }
  if (/dismiss/i.test(message)) {
    return [`The question for the ${device} was closed without an answer.`, "Press the button again and choose Allow."];
  }
  return [
    `This browser may not use the ${device} here.`,
    `Press ${SETTINGS}, allow the ${device} for this page, and press the button again.`,
  ];
}

function missing(device) {
  return [`No ${device} was found.`, `Connect a ${device}, or switch it on, and press the button again.`];
}

function busy(device) {
  return [
    `The ${device} could not be started.`,
    `Another program may hold it: close that one, or unplug the ${device} and connect it again.`,
  ];
}

function gone(device) {
  return [`The chosen ${device} is not there any more.`, `Choose another ${device} in the list.`];
}

function unsupported(device) {
  return [`This browser cannot use a ${device} in a page.`, "Use a current Chrome, Edge, Firefox or Safari."];
}

function forbidden(device) {
  return [
    `The ${device} is forbidden for this page.`,
    "A page around this one, a policy of your organisation or the browser's settings forbid it: open the console in " +
      "a tab of its own, or ask who manages this browser.",
  ];
}

function interrupted(device) {
  return [`The ${device} stopped while it was being opened.`, "Press the button again."];
}

function untapped(device) {
  return [`The browser gives the ${device} only after a tap.`, "Press the button again while this page is in front."];
}

function unknown(device, message, name) {
  const told = [name, message].filter(Boolean).join(": ");
  return [
    `The ${device} did not open.`,
    `${told ? `The browser says: ${told}. ` : ""}Load the page again; if that does not help, restart the browser.`,
  ];
}

/** By the device, then by the name of the exception. Some browsers still use names from before the standard. */
const WORDS = {
  any: {
    NotAllowedError: denied,
    PermissionDeniedError: denied,
    NotFoundError: missing,
    DevicesNotFoundError: missing,
    NotReadableError: busy,
    TrackStartError: busy,
    OverconstrainedError: gone,
    ConstraintNotSatisfiedError: gone,
    AbortError: interrupted,
    SecurityError: forbidden,
    InvalidStateError: untapped,
    InvalidAccessError: untapped,
    NotSupportedError: unsupported,
    TypeError: unsupported,
  },
  screen: {
    NotAllowedError: (_device, message) =>
      /system/i.test(message)
        ? [
            "The system does not let this browser record the screen.",
            "Open the privacy settings of the system, allow screen recording for this browser, then start it again.",
          ]
        : ["The screen is not shared.", "Press the button again, choose a screen, window or tab, and confirm."],
    NotFoundError: () => ["Nothing can be shared.", "Open the window that you want to share and try again."],
    NotReadableError: () => [
      "The system did not hand over this screen or window.",
      "Share another window, or allow screen recording for this browser in the privacy settings of the system.",
    ],
    NotSupportedError: () => [
      "This browser cannot share a screen.",
      "Browsers on phones cannot: use the camera, or open the console on a computer.",
    ],
    TypeError: () => [
      "This browser cannot share a screen.",
      "Browsers on phones cannot: use the camera, or open the console on a computer.",
    ],
  },
  speaker: {
    NotAllowedError: () => ["The browser plays no sound before a tap.", "Press the button again, or any key."],
    InvalidStateError: () => ["The sound was closed.", "Press the button again."],
    NotFoundError: gone,
    NotSupportedError: (_device, message) =>
      /setSinkId/.test(message)
        ? ["This browser does not let a page choose the speaker.", "Choose it in the sound settings of the system."]
        : [
            "This browser cannot play a conversation.",
            "Use a current Chrome, Edge, Firefox or Safari, by https:// or http://localhost. Text works without sound.",
          ],
  },
};
