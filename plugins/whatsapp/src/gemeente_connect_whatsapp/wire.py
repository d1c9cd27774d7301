"""What stands in a webhook of the WhatsApp Business Platform, as far as it is read.

Nothing is required; what a message cannot do without is checked where it is needed. Meta's own schema refuses Meta's
own examples, so it is not followed.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from gemeente_connect_whatsapp.lenient import Many, Maybe, Wire, Word


class Metadata(Wire):
    """Which of the municipality's numbers it is about."""

    display_phone_number: Word = None
    phone_number_id: Word = None


class Profile(Wire):
    """How a resident presents themselves."""

    name: Word = None
    username: Word = None


class Sender(Wire):
    """One of `value.contacts`: who the other side is."""

    wa_id: Word = None
    user_id: Word = None
    parent_user_id: Word = None
    profile: Maybe[Profile] = None


class Error(Wire):
    """Something that went wrong at WhatsApp."""

    code: Word = None


class ReferredProduct(Wire):
    """A product of a catalogue."""

    product_retailer_id: Word = None


class Context(Wire):
    """What a message is a reply to."""

    id: Word = None
    referred_product: Maybe[ReferredProduct] = None


class Referral(Wire):
    """The advertisement, or post, under which somebody began to write."""

    source_type: Word = None
    headline: Word = None
    body: Word = None


class Text(Wire):
    """What somebody typed."""

    body: Word = None


class Media(Wire):
    """A photo, video, voice message, sticker or document."""

    id: Word = None
    mime_type: Word = None
    sha256: Word = None
    caption: Word = None
    filename: Word = None


class Location(Wire):
    """A place."""

    latitude: Word = None
    longitude: Word = None
    name: Word = None
    address: Word = None


class Name(Wire):
    """The name on a contact card."""

    formatted_name: Word = None
    first_name: Word = None
    last_name: Word = None


class Phone(Wire):
    """A telephone number on a contact card."""

    phone: Word = None
    wa_id: Word = None


class Email(Wire):
    """An e-mail address on a contact card."""

    email: Word = None


class Org(Wire):
    """Where somebody on a contact card works."""

    company: Word = None


class Card(Wire):
    """A contact card that somebody sent."""

    name: Maybe[Name] = None
    phones: Many[Phone] = ()
    emails: Many[Email] = ()
    org: Maybe[Org] = None


class Reply(Wire):
    """What somebody chose or filled in."""

    title: Word = None
    description: Word = None
    name: Word = None
    body: Word = None
    response_json: Word = None
    response: Word = None


class Interactive(Wire):
    """The answer to buttons, a list, a form, or the question whether one may call."""

    button_reply: Maybe[Reply] = None
    list_reply: Maybe[Reply] = None
    nfm_reply: Maybe[Reply] = None
    call_permission_reply: Maybe[Reply] = None
    body: Maybe[Text] = None
    """What an employee wrote above the buttons or the list."""


class Button(Wire):
    """The quick reply under a template."""

    text: Word = None
    payload: Word = None


class Reaction(Wire):
    """An emoji under a message. None: it is taken away."""

    message_id: Word = None
    emoji: Word = None


class Product(Wire):
    """A line of an order."""

    product_retailer_id: Word = None
    quantity: Word = None
    item_price: Word = None
    currency: Word = None


class Order(Wire):
    """What somebody ordered from a catalogue."""

    text: Word = None
    product_items: Many[Product] = ()


class System(Wire):
    """What WhatsApp itself reports of a resident."""

    body: Word = None
    type: Word = None
    wa_id: Word = None
    new_wa_id: Word = None
    user_id: Word = None
    parent_user_id: Word = None
    previous_user_id: Word = None
    previous_parent_user_id: Word = None


class Unsupported(Wire):
    """What the platform does not pass on."""

    type: Word = None


class Parameter(Wire):
    """What was filled in in a template."""

    text: Word = None


class Component(Wire):
    """A part of a template."""

    text: Word = None
    parameters: Many[Parameter] = ()


class Template(Wire):
    """A message of which Meta approved the words beforehand."""

    name: Word = None
    components: Many[Component] = ()


class Edit(Wire):
    """Another text, or caption, for an earlier message."""

    original_message_id: Word = None
    message: Maybe[Message] = None


class Revoke(Wire):
    """An earlier message was deleted by who sent it."""

    original_message_id: Word = None


class HistoryContext(Wire):
    """What became of a message before the number was connected."""

    status: Word = None
    from_me: Any = None


class Message(Wire):
    """One message, in whatever direction. What it says stands under the name of its type."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    id: Word = None
    from_: Annotated[Word, Field(alias="from")] = None
    from_user_id: Word = None
    from_parent_user_id: Word = None
    to: Word = None
    to_user_id: Word = None
    to_parent_user_id: Word = None
    group_id: Word = None
    timestamp: Word = None
    type: Word = None
    context: Maybe[Context] = None
    referral: Maybe[Referral] = None
    history_context: Maybe[HistoryContext] = None
    text: Maybe[Text] = None
    image: Maybe[Media] = None
    video: Maybe[Media] = None
    audio: Maybe[Media] = None
    sticker: Maybe[Media] = None
    document: Maybe[Media] = None
    location: Maybe[Location] = None
    contacts: Many[Card] = ()
    interactive: Maybe[Interactive] = None
    button: Maybe[Button] = None
    reaction: Maybe[Reaction] = None
    order: Maybe[Order] = None
    system: Maybe[System] = None
    unsupported: Maybe[Unsupported] = None
    template: Maybe[Template] = None
    edit: Maybe[Edit] = None
    revoke: Maybe[Revoke] = None


class Status(Wire):
    """What became of a message that was sent to a resident."""

    id: Word = None
    status: Word = None
    timestamp: Word = None
    type: Word = None
    recipient_id: Word = None
    recipient_user_id: Word = None
    recipient_parent_user_id: Word = None
    biz_opaque_callback_data: Word = None
    errors: Many[Error] = ()


class Call(Wire):
    """A call begins or ends."""

    id: Word = None
    from_: Annotated[Word, Field(alias="from")] = None
    from_user_id: Word = None
    from_parent_user_id: Word = None
    to: Word = None
    to_user_id: Word = None
    to_parent_user_id: Word = None
    event: Word = None
    direction: Word = None
    timestamp: Word = None
    start_time: Word = None
    duration: Word = None


class Group(Wire):
    """Something happened to a group."""

    group_id: Word = None
    type: Word = None
    timestamp: Word = None


class Thread(Wire):
    """What was said with one resident before the number was connected."""

    id: Word = None
    context: Maybe[Sender] = None
